import type { StreamEvent } from "./route.ts";

/** Server-Sent Events as the HTML standard has them: https://html.spec.whatwg.org/multipage/server-sent-events.html */

/** JSON has no line breaks outside of its strings, where they are escaped: one line of data. */
export const eventText = ({ id, event, data }: StreamEvent): string =>
  `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/** Skipped by readers; tells proxies and both ends that the connection lives. */
export const commentText = (text: string): string => `: ${text}\n\n`;

/** After how long to come back when the connection is lost. Spread, so that the clients of a gateway that stops do not come to
 *  the next one all at once. */
export const retryText = (random: () => number = Math.random): string => `retry: ${Math.round(1_000 + random() * 2_000)}\n\n`;

/** No cache, no buffer and no compression between the shop and the reader. */
export const STREAM_HEADERS = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "no-store, no-transform",
  "X-Accel-Buffering": "no",
} as const;

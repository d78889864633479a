import { admit, admitKey } from "./access.ts";
import { InvalidLastEventId } from "./api.errors.ts";
import type { Place } from "./api.event-streams.ts";
import type { GatewayRequest, GatewayResponse } from "./api.exchange.ts";
import type { AnyRequest, Caller, CallMesh, Route, Stream, StreamPart } from "./route.ts";
import { eventText, retryText, STREAM_HEADERS } from "./sse.ts";

const ID = /^(0|[1-9]\d{0,8})$/;

/** Where the client goes on; 0 is the beginning. Browsers set the header by themselves when they come back. */
const positionOf = (header: string | string[] | undefined, { lastEventId = 0 }: { lastEventId?: number }): number => {
  if (header === undefined || header === "") return lastEventId;
  if (typeof header !== "string" || !ID.test(header)) throw new InvalidLastEventId();
  return Number(header);
};

/** Answers with a stream: what there is after the client's last event, and what is to come. A client that has everything of a
 *  stream that is over gets 204, which tells it not to come back. The first read is the request's own, so that a refusal is an
 *  ordinary answer. */
export const serveStream = async (
  route: Route & { stream: Stream },
  request: AnyRequest,
  call: CallMesh,
  req: GatewayRequest,
  res: GatewayResponse,
): Promise<void> => {
  const { edge } = req.exchange;
  const caller = request.caller as Caller;
  const position = positionOf(req.headers["last-event-id"], request.query as { lastEventId?: number });
  const place = edge.streams.reserve(caller.userId);
  let part: StreamPart;
  try {
    part = await route.stream.read(call, request, position);
    if (position > part.last) throw new InvalidLastEventId();
  } catch (error) {
    place.release();
    throw error;
  }
  if (part.end !== undefined && part.events.length === 0) {
    place.release();
    res.writeHead(204, { "Cache-Control": "no-store" }).end();
    return;
  }
  res.writeHead(200, STREAM_HEADERS);
  const first = retryText() + part.events.map(eventText).join("");
  if (req.method === "HEAD" || part.end !== undefined) {
    place.release();
    res.end(part.end === undefined ? undefined : first + eventText(part.end));
    return;
  }
  res.write(first);
  follow(route, request, req, res, part.last, place);
};

const follow = (
  route: Route & { stream: Stream },
  request: AnyRequest,
  req: GatewayRequest,
  res: GatewayResponse,
  position: number,
  place: Place,
): void => {
  const { edge, requestId, traceparent } = req.exchange;
  const call = edge.callMesh({ requestId, traceparent });
  edge.streams.follow(
    {
      topic: route.stream.topic(request),
      sink: res,
      position,
      read: (after) => route.stream.read(call, request, after),
      isStillAdmitted: async () => {
        const caller = await edge.authenticator.identify(req.headers.authorization, req.headers["x-api-key"]);
        admit(route.access, caller);
        admitKey(route, caller);
        return caller?.userId === request.caller?.userId;
      },
    },
    place,
  );
};

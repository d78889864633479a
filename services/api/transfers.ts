import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { BodyTooLarge, RequestTimeout, ValidationFailed } from "./api.errors.ts";
import type { GatewayRequest, GatewayResponse } from "./api.exchange.ts";
import type { AnyRequest, CallMesh, Transfer, Upload } from "./route.ts";

/** A client that sends nothing, or reads nothing, for so long holds a connection for nothing. */
const IDLE_MS = 30_000;

/** Of one piece: a transfer has no time in all, but each call of it has. As long as products takes for one. */
const PIECE_TIMEOUT_MS = 30_000;

const OFFSET = /^\d{1,15}$/;

const invalid = (path: string, message: string) => new ValidationFailed([{ path, message }]);

/** The headers of the resumable uploads of the IETF's HTTP working group. */
const readUploadHeaders = ({ headers }: GatewayRequest): { offset: number; complete: boolean } => {
  const { "upload-offset": offset = "0", "upload-complete": complete = "?1" } = headers as Record<string, string | undefined>;
  if (!OFFSET.test(offset)) throw invalid("Upload-Offset", "must be a whole number of bytes");
  if (complete !== "?0" && complete !== "?1") throw invalid("Upload-Complete", "must be ?0 or ?1");
  return { offset: Number(offset), complete: complete === "?1" };
};

/** The client has gone: nobody's fault here. As the framework's body parser calls it. */
const brokenOff = (cause: unknown): never => {
  throw Object.assign(new Error("The upload was broken off", { cause }), { type: "request.aborted" });
};

/** The body as it comes: never more of it in memory than a reader has asked for. Throws where it is too much, or does not come. */
async function* bodyOf(req: GatewayRequest, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  const chunks = req[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (;;) {
    const idle = new AbortController();
    const late = sleep(IDLE_MS, undefined, { signal: idle.signal }).then(() => {
      throw new RequestTimeout();
    });
    late.catch(() => {});
    const { done, value } = await Promise.race([chunks.next().catch(brokenOff), late]).finally(() => idle.abort());
    if (done) return;
    bytes += value.length;
    if (bytes > maxBytes) throw new BodyTooLarge(maxBytes);
    yield value;
  }
}

const uploadOf = (req: GatewayRequest, maxBytes: number): Upload => {
  const { offset, complete } = readUploadHeaders(req);
  if (offset + Number(req.headers["content-length"] ?? 0) > maxBytes) throw new BodyTooLarge(maxBytes);
  return { offset, complete, body: bodyOf(req, Math.max(0, maxBytes - offset)) };
};

/** Takes a body piece by piece, or answers one: as fast as the other side takes it, and in as little memory. */
export const serveTransfer = async (
  transfer: Transfer,
  request: AnyRequest,
  callMesh: CallMesh,
  req: GatewayRequest,
  res: GatewayResponse,
): Promise<unknown> => {
  const call: CallMesh = (name, params) => callMesh(name, params, { timeoutMs: PIECE_TIMEOUT_MS });
  if (transfer.kind === "upload") {
    try {
      return await transfer.take(call, request, uploadOf(req, req.exchange.edge.config.uploadLimitBytes));
    } finally {
      // Nobody reads the rest, and no other request can come behind it.
      if (!req.complete) res.setHeader("Connection", "close");
    }
  }
  await download(transfer.pieces(call, request), () => begin(transfer, request, res), res);
  return undefined;
};

const begin = (transfer: Transfer & { kind: "download" }, request: AnyRequest, res: GatewayResponse): void => {
  const { type, fileName } = transfer.file(request);
  res.writeHead(200, {
    "Content-Type": type,
    "Content-Disposition": `attachment; filename="${fileName}"`,
    "Cache-Control": "no-store",
  });
};

/** The first piece decides between an answer and a refusal; later, a fault can only break it off. */
const download = async (pieces: AsyncIterable<string>, start: () => void, res: GatewayResponse): Promise<void> => {
  for await (const piece of pieces) {
    if (!res.headersSent) start();
    if (res.destroyed) return;
    if (res.req.method === "HEAD") break;
    if (res.write(piece)) continue;
    const ended = new AbortController();
    try {
      await Promise.race([
        once(res, "drain", { signal: ended.signal }),
        once(res, "close", { signal: ended.signal }),
        sleep(IDLE_MS, undefined, { signal: ended.signal }).then(() => res.destroy()),
      ]);
    } finally {
      ended.abort();
    }
  }
  if (!res.headersSent) start();
  res.end();
};

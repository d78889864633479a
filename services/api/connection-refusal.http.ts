import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { HeadersTooLarge, MalformedRequest, RequestTimeout } from "./api.errors.ts";
import type { Headers } from "./cors.ts";
import { problemOf } from "./problem.ts";

const refusalOf = (code: string | undefined) => {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return new RequestTimeout();
  if (code === "HPE_HEADER_OVERFLOW") return new HeadersTooLarge();
  return new MalformedRequest();
};

/** The answers that are under way, for what goes wrong with a connection meanwhile. */
export class Answering {
  readonly #bySocket = new WeakMap<Duplex, ServerResponse>();

  begins(socket: Socket, res: ServerResponse): void {
    this.#bySocket.set(socket, res);
  }

  /** Whether a part of an answer has been sent, so that nothing else can be said any more. */
  isHalfSent(socket: Duplex): boolean {
    const res = this.#bySocket.get(socket);
    return res?.headersSent === true && !res.writableFinished;
  }
}

/** Answers what cannot be read as a request, or takes too long to arrive, and ends its connection. There is only the socket. */
export const connectionRefusal =
  (answering: Answering, headers: Headers) =>
  (error: Error & { code?: string }, socket: Duplex): void => {
    // A connection that broke, or whose TLS was never there, has nobody to answer to.
    const isOfHttp = /^(HPE|ERR_HTTP)_/.test(error.code ?? "");
    if (!isOfHttp || !socket.writable || answering.isHalfSent(socket)) {
      socket.destroy();
      return;
    }
    const { problem } = problemOf(refusalOf(error.code), newId());
    const body = JSON.stringify(problem);
    const lines = [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
      ...headers.map(([name, value]) => `${name}: ${value}`),
      `X-Request-Id: ${problem.requestId}`,
      "Cache-Control: no-store",
      "Content-Type: application/problem+json; charset=utf-8",
      `Content-Length: ${Buffer.byteLength(body)}`,
      "Connection: close",
      "",
      body,
    ];
    socket.end(lines.join("\r\n"), () => socket.destroy());
  };

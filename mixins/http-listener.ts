import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ConfigurationError } from "./lib/errors.ts";

export interface HttpListenerOptions {
  /** The setting that holds the port, for the error message. */
  variable: string;
  host: string;
  /** 0 takes any free port. */
  port: number;
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** A connection could not be accepted (the process has too many files open); the listener goes on. */
  onError(error: Error): void;
  /** Tighter limits than the usual ones. */
  limits?: ServerOptions;
  /** Gets the server before it listens, for what `handle` never sees: requests that cannot be read as such. */
  prepare?(server: Server): void;
}

export interface HttpListener {
  /** `http://127.0.0.1:3000` */
  address: string;
  /** Takes no new connections, lets running requests finish, and cuts off what is left after the grace. */
  close(graceMs: number): Promise<void>;
}

/** A client that dawdles over its headers or its body holds a connection no longer than this. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const CONNECTIONS_CHECK_MS = 5_000;
/** Longer than the 60 s of common load balancers: the side that reuses connections must be the first to drop them. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** How soon a connection is dropped whose last request has finished while the listener closes. */
const IDLE_CHECK_MS = 25;

/** What a person can do about a port that cannot be had; undefined for other failures. */
const portProblem = (code: string | undefined, host: string, port: number): string | undefined => {
  if (code === "EADDRINUSE") return `port ${port} on ${host} is in use already`;
  if (code === "EACCES") return `port ${port} on ${host} needs more rights than this process has`;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") return `${host} (HOST) is not an address of this machine`;
  return undefined;
};

const listen = (server: Server, { variable, host, port, onError }: HttpListenerOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException): void => {
      const problem = portProblem(error.code, host, port);
      reject(problem === undefined ? error : new ConfigurationError(variable, problem));
    };
    server.once("error", refuse);
    server.listen(port, host, () => {
      server.off("error", refuse).on("error", onError);
      resolve();
    });
  });

/** Connections that have not brought a request yet, as browsers open them to be quicker later. For Node they are not idle. */
const trackUnused = (server: Server): Set<Socket> => {
  const unused = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
  });
  server.on("request", ({ socket }) => unused.delete(socket));
  return unused;
};

const close = (server: Server, unused: ReadonlySet<Socket>, graceMs: number): Promise<void> =>
  new Promise((resolve) => {
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(cut);
      resolve();
    });
    for (const socket of unused) socket.destroy();
  });

/** Opens a plain HTTP server. The caller closes it. */
export const openHttpListener = async (options: HttpListenerOptions): Promise<HttpListener> => {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      ...options.limits,
    },
    options.handle,
  );
  options.prepare?.(server);
  const unused = trackUnused(server);
  await listen(server, options);
  const { address, family, port } = server.address() as { address: string; family: string; port: number };
  return {
    address: `http://${family === "IPv6" ? `[${address}]` : address}:${port}`,
    close: (graceMs) => close(server, unused, graceMs),
  };
};

import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { Socket } from "node:net";
import { ConfigurationError } from "./lib/errors.ts";
import type { TlsFiles } from "./lib/tls-config.ts";
import { readCertificate, watchCertificate } from "./tls-certificate.ts";

export interface HttpListenerOptions {
  /** The setting that holds the port, for the error message. */
  variable: string;
  host: string;
  /** 0 takes any free port. */
  port: number;
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** A connection could not be accepted (too many are open, or too many files), or a new certificate cannot be used; the listener
   *  goes on. */
  onError(error: Error): void;
  /** Speaks TLS 1.2 or newer with this certificate. It is read again when its files change, and on SIGHUP. */
  tls?: TlsFiles | undefined;
  /** Tighter limits than the usual ones. */
  limits?: ServerOptions & {
    /** For how long a part of an answer may wait until the client reads it. */
    answerTimeout?: number;
    /** Beyond it, new connections are closed at once. */
    maxConnections?: number;
  };
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
/** And one that dawdles over reading its answer. */
const ANSWER_TIMEOUT_MS = 30_000;
/** Longer than the 60 s of common load balancers: the side that reuses connections must be the first to drop them. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** Node waits two minutes. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
const DROPS_TOLD_EVERY_MS = 60_000;
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

/** The same for a connection and for the TLS that is spoken over it. */
const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/** The open connections, and those of them that have not brought a request yet, as browsers open them to be quicker later: for
 *  Node they are not idle. */
const trackConnections = (server: Server): { open: ReadonlySet<Socket>; unused: ReadonlyMap<string, Socket> } => {
  const open = new Set<Socket>();
  const unused = new Map<string, Socket>();
  server.on("connection", (socket: Socket) => {
    const peer = peerOf(socket);
    open.add(socket);
    unused.set(peer, socket);
    socket.once("close", () => {
      open.delete(socket);
      if (unused.get(peer) === socket) unused.delete(peer);
    });
  });
  // Of a connection with TLS, what is written waits here.
  server.on("secureConnection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  server.on("request", ({ socket }) => {
    if (unused.size > 0) unused.delete(peerOf(socket));
  });
  return { open, unused };
};

/** What a client had not read when it was looked at: all of it must be gone at the deadline. */
interface Unread {
  upToByte: number;
  sinceMs: number;
}

const sentBytes = (socket: Socket): number => socket.bytesWritten - socket.writableLength;

/** Ends connections whose clients do not read what they have asked for: it would stay in memory for as long as they like. Looked
 *  at from outside, so that requests pay nothing for it. What the kernel has taken counts as read. */
const dropSlowReaders = (open: ReadonlySet<Socket>, answerTimeoutMs: number): NodeJS.Timeout => {
  const unread = new WeakMap<Socket, Unread>();
  const look = (socket: Socket, nowMs: number): void => {
    const seen = unread.get(socket);
    if (seen !== undefined && sentBytes(socket) < seen.upToByte) {
      if (nowMs - seen.sinceMs >= answerTimeoutMs) socket.destroy();
    } else if (socket.writableLength > 0) unread.set(socket, { upToByte: socket.bytesWritten, sinceMs: nowMs });
    else unread.delete(socket);
  };
  return setInterval(
    () => {
      const nowMs = performance.now();
      for (const socket of open) look(socket, nowMs);
    },
    Math.min(CONNECTIONS_CHECK_MS, Math.ceil(answerTimeoutMs / 4)),
  ).unref();
};

const close = (server: Server, unused: ReadonlyMap<string, Socket>, graceMs: number): Promise<void> =>
  new Promise((resolve) => {
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(cut);
      resolve();
    });
    for (const socket of unused.values()) socket.destroy();
  });

/** Told once a minute at most: there may be thousands. */
const limitConnections = (server: Server, max: number, onError: (error: Error) => void): void => {
  let toldAtMs = Number.NEGATIVE_INFINITY;
  server.maxConnections = max;
  server.on("drop", () => {
    if (performance.now() - toldAtMs < DROPS_TOLD_EVERY_MS) return;
    toldAtMs = performance.now();
    onError(new Error(`Connections are refused: ${max} are open, and more are not taken`));
  });
};

/** Opens an HTTP server, with TLS where it is given a certificate. The caller closes it. Throws ConfigurationError where the port
 *  cannot be had or the certificate cannot be used. */
export const openHttpListener = async (options: HttpListenerOptions): Promise<HttpListener> => {
  const { tls, onError } = options;
  const { answerTimeout = ANSWER_TIMEOUT_MS, maxConnections, ...limits } = options.limits ?? {};
  const serverOptions = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    ...limits,
  };
  const certificate = tls && (await readCertificate(tls));
  const server =
    certificate === undefined
      ? createServer(serverOptions, options.handle)
      : (createSecureServer(
          { ...serverOptions, ...certificate, minVersion: "TLSv1.2", handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
          options.handle,
        ) as SecureServer & Server);
  if (maxConnections !== undefined) limitConnections(server, maxConnections, onError);
  options.prepare?.(server);
  const { open, unused } = trackConnections(server);
  await listen(server, options);
  const slowReaders = dropSlowReaders(open, answerTimeout);
  const watch =
    tls &&
    certificate &&
    watchCertificate(tls, certificate, (renewed) => (server as unknown as SecureServer).setSecureContext(renewed), onError);
  const { address, family, port } = server.address() as { address: string; family: string; port: number };
  return {
    address: `${tls === undefined ? "http" : "https"}://${family === "IPv6" ? `[${address}]` : address}:${port}`,
    close: async (graceMs) => {
      watch?.stop();
      await close(server, unused, graceMs);
      clearInterval(slowReaders);
    },
  };
};

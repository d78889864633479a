import { connect } from "node:net";

const ANSWER_TIMEOUT_MS = 5_000;

export interface RawAnswer {
  /** Everything that came back until the other side has closed. */
  text: string;
  /** Of each answer, in order. */
  statuses: number[];
}

/** Sends bytes as they are, for what no client library would send, and reads until the server ends the connection or the time is over. */
export const sendRaw = (address: string, content: string | Buffer): Promise<RawAnswer> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(address);
    const socket = connect(Number(port), hostname);
    const parts: Buffer[] = [];
    const finish = () => {
      socket.destroy();
      const text = Buffer.concat(parts).toString("latin1");
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
      resolve({ text, statuses });
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, finish);
    socket.on("connect", () => socket.write(content));
    socket.on("data", (part) => parts.push(part));
    socket.on("close", finish);
    socket.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "ECONNRESET" || error.code === "EPIPE" ? finish() : reject(error),
    );
  });

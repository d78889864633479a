import { createServer } from "node:net";

/** Below the range from which systems take ports for outgoing connections (Linux from 32768, others from 49152). Inside
 *  it, a client that keeps dialling a killed server on loopback can be given that very port and end up connected to
 *  itself, and the server could not come back on its port. */
const FIRST = 20_000;
const COUNT = 12_000;

/** A killed server keeps its port: nobody else in this process may get it in the meantime. */
const given = new Set<number>();

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });

/** A free port on loopback, picked at random so that test processes side by side rarely meet. */
export const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < 200; tries++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`No free port found from ${FIRST} to ${FIRST + COUNT - 1}`);
};

export const giveBack = (port: number): void => {
  given.delete(port);
};

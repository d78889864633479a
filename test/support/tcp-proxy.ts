import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** `drop`: connections are reset, new ones too. `stall`: connections stay open and new ones are taken, but no byte and no
 *  close passes: what a client sees of a frozen peer or a lost route. */
export type Cut = "drop" | "stall";

export interface TcpProxy {
  host: string;
  port: number;
  /** Connections that are open at this moment. */
  readonly connections: number;
  cut(how?: Cut): void;
  /** Passes bytes again. Stalled connections go on where they stood. */
  heal(): void;
  close(): Promise<void>;
}

class Link {
  readonly #client: Socket;
  readonly #target: { host: string; port: number };
  readonly #onClosed: () => void;
  #upstream: Socket | undefined;
  #state: "new" | "flowing" | "stalled" = "new";

  constructor(client: Socket, target: { host: string; port: number }, onClosed: () => void) {
    this.#client = client;
    this.#target = target;
    this.#onClosed = onClosed;
    this.#watch(client);
  }

  flow(): void {
    // A second pipe between the same sockets would pass every byte twice.
    if (this.#state === "flowing") return;
    this.#state = "flowing";
    if (this.#closeBothIfOneIsClosed()) return;
    if (this.#upstream === undefined) {
      this.#upstream = connect({ ...this.#target, noDelay: true, allowHalfOpen: true });
      this.#watch(this.#upstream);
    }
    this.#client.pipe(this.#upstream);
    this.#upstream.pipe(this.#client);
  }

  stall(): void {
    this.#state = "stalled";
    for (const socket of this.#sockets()) {
      socket.unpipe();
      socket.pause();
    }
  }

  reset(): void {
    for (const socket of this.#sockets()) socket.resetAndDestroy();
    this.#onClosed();
  }

  #sockets(): Socket[] {
    return this.#upstream === undefined ? [this.#client] : [this.#client, this.#upstream];
  }

  #watch(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      if (this.#state !== "stalled") this.#closeBothIfOneIsClosed();
    });
  }

  #closeBothIfOneIsClosed(): boolean {
    if (!this.#sockets().some((socket) => socket.destroyed)) return false;
    for (const socket of this.#sockets()) socket.destroy();
    this.#onClosed();
    return true;
  }
}

/** A proxy on a free loopback port before `target`, whose connections a test can cut. */
export const startTcpProxy = async (target: { host?: string; port: number }): Promise<TcpProxy> => {
  const to = { host: target.host ?? "127.0.0.1", port: target.port };
  const links = new Set<Link>();
  let broken: Cut | undefined;

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const link = new Link(client, to, () => links.delete(link));
    links.add(link);
    if (broken === undefined) link.flow();
    else if (broken === "stall") link.stall();
    else link.reset();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    host: "127.0.0.1",
    port,
    get connections() {
      return links.size;
    },
    cut(how = "drop") {
      broken = how;
      for (const link of [...links]) {
        if (how === "drop") link.reset();
        else link.stall();
      }
    },
    heal() {
      broken = undefined;
      for (const link of [...links]) link.flow();
    },
    async close() {
      for (const link of [...links]) link.reset();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

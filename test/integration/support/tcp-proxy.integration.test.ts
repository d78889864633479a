import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { waitFor } from "../../support/eventually.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";

describe("a TCP proxy before an echo server", () => {
  let echo: Server;
  let proxy: TcpProxy;
  let client: Socket;
  let received: string;

  const dial = (): Socket => {
    const socket = connect(proxy.port, proxy.host);
    socket.on("error", () => {});
    socket.on("data", (data) => {
      received += data.toString();
    });
    return socket;
  };

  beforeEach(async () => {
    received = "";
    echo = createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(0, "127.0.0.1");
    await once(echo, "listening");
    proxy = await startTcpProxy({ port: (echo.address() as AddressInfo).port });
    client = dial();
    client.write("one ");
    await waitFor(() => received === "one ");
  });
  afterEach(async () => {
    client.destroy();
    await proxy.close();
    echo.close();
  });

  it("passes every byte once, also after a heal without a cut", async () => {
    proxy.heal();
    client.write("two");
    await waitFor(() => received.length >= 7);
    expect(received).toBe("one two");
  });

  it("resets open and new connections while it drops", async () => {
    proxy.cut("drop");
    await waitFor(() => client.closed);
    const refused = dial();
    await waitFor(() => refused.closed);
    expect(proxy.connections).toBe(0);

    proxy.heal();
    client = dial();
    client.write("again");
    await waitFor(() => received === "one again");
  });

  it("keeps connections and holds their bytes back while it stalls", async () => {
    proxy.cut("stall");
    client.write("two ");
    const late = dial();
    await once(late, "connect");
    late.write("late");
    await waitFor(() => proxy.connections === 2);
    expect(received).toBe("one ");
    expect(client.destroyed).toBe(false);

    proxy.heal();
    await waitFor(() => received.includes("two ") && received.includes("late"));
    late.destroy();
  });

  it("tells the client of the server's end", async () => {
    client.end();
    await once(client, "close");
    await waitFor(() => proxy.connections === 0);
  });
});

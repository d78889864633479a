import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { brokerOptions } from "@molecart/mixins/broker-options.ts";
import type { SignedIn } from "@molecart/mixins/contracts/users.ts";
import { Deadline } from "@molecart/mixins/lib/deadline.ts";
import { ServiceBroker } from "moleculer";
import { type Cluster, openCluster } from "../support/cluster.ts";
import { EventStreamClient, type Told } from "../support/event-stream.ts";
import { eventually, waitFor } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";

jest.setTimeout(180_000);

const PATIENT = { withinMs: 30_000 };
const CARD = "4242424242424242";
/** The provider answers after a second. */
const LATE_CARD = "4000000000000119";
const WHOLE_LIFE = ["pending", "reserved", "paid", "confirmed", "shipped", "delivered"];

/** An answer as it comes over NATS. */
interface Packet {
  payload: { sender: string; error?: { type: string } | null };
}
interface Reply {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into answers of every shape
  body: any;
}

describeWith(["nats", "postgres", "redis"], "Two gateways over NATS", () => {
  let cluster: Cluster;
  let operator: ServiceBroker;
  /** Another one for each order: the event of an order takes its articles out of the customer's cart, whenever it comes. */
  let account: SignedIn;
  const owners = new Map<string, SignedIn>();
  const clients: EventStreamClient[] = [];
  /** What the orders service has answered to the operator, waited for or not. */
  const answers: string[] = [];

  const broker = (name: string) => cluster.brokers.get(name) as NonNullable<ReturnType<Cluster["brokers"]["get"]>>;
  const gateway = (index: number) => cluster.apis[index] as string;
  const send = async (method: string, url: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> => {
    const response = await fetch(url, {
      method,
      headers: {
        ...(account && { authorization: `Bearer ${account.accessToken}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  };
  const fillCart = () =>
    eventually(async () => {
      const { status } = await send("PUT", `${gateway(1)}/api/v1/cart/items/LAMP-S`, { quantity: 1 });
      expect(status).toBe(200);
    }, PATIENT);
  const cardToken = async (number: string): Promise<string> => {
    const card = { number, expMonth: 12, expYear: 2040, cvc: "123" };
    return (await send("POST", `${cluster.payments}/tokens`, card)).body.token;
  };
  const orderBody = async (card: string) => ({
    paymentToken: await cardToken(card),
    shippingAddress: { name: "Ada", line1: "1 Harbour Street", city: "Hamburg", postalCode: "20457", country: "DE" },
  });
  const register = async (): Promise<void> => {
    const credentials = { email: `ada.${randomUUID().slice(0, 8)}@molecart.example`, password: randomUUID(), name: "Ada" };
    account = (await send("POST", `${gateway(1)}/api/v1/auth/register`, credentials)).body;
  };
  const placeOrder = async (card: string): Promise<string> => {
    await register();
    await fillCart();
    const body = await orderBody(card);
    const { status, body: answer } = await send("POST", `${gateway(1)}/api/v1/orders`, body, { "idempotency-key": randomUUID() });
    expect(status).toBe(202);
    owners.set(answer.order.id, account);
    return answer.order.id;
  };
  const follow = async (at: number, orderId: string, lastEventId?: string): Promise<EventStreamClient> => {
    const client = await EventStreamClient.open(`${gateway(at)}/api/v1/orders/${orderId}/events`, {
      authorization: `Bearer ${owners.get(orderId)?.accessToken}`,
      ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
    });
    clients.push(client);
    return client;
  };
  const dispatch = async (orderId: string): Promise<string> => {
    const viewer = { userId: account.user.id, roles: ["staff"] };
    const { id } = await eventually(
      () => operator.call("v1.shipping.getByOrder", { orderId, viewer }) as Promise<{ id: string }>,
      PATIENT,
    );
    await operator.call("v1.shipping.dispatch", { shipmentId: id, carrier: "DHL", trackingNumber: "JD01" });
    return id;
  };
  const deliver = (shipmentId: string) => operator.call("v1.shipping.deliver", { shipmentId });
  const steps = (...parts: EventStreamClient[]) =>
    parts.flatMap(({ events }) =>
      events.filter(({ event }: Told) => event === "status").map(({ data }) => [data.seq, data.status]),
    );

  beforeAll(async () => {
    cluster = await openCluster([
      ["api"],
      ["api"],
      ["users", "products", "notifications"],
      ["carts"],
      ["orders"],
      ["inventory", "payments", "shipping"],
    ]);
    const options = brokerOptions({ ...cluster.env, NODE_ID: "operator", LOG_LEVEL: "fatal" });
    options.middlewares?.push({
      transitMessageHandler: (next: (cmd: string, packet: Packet) => unknown) => (cmd: string, packet: Packet) => {
        if (cmd === "RES" && packet.payload.sender === "orders-1") answers.push(packet.payload.error?.type ?? "done");
        return next(cmd, packet);
      },
    } as never);
    operator = new ServiceBroker(options);
    await operator.start();
    await operator.waitForServices(["v1.products", "v1.inventory", "v1.shipping", "v1.orders"], 20_000);
    const [category] = ((await operator.call("v1.products.categories", {})) as { items: { slug: string }[] }).items;
    await operator.call("v1.products.create", {
      name: "Harbour lamp",
      brand: "Lumen & Tide",
      category: category?.slug,
      description: "A lamp for the quay.",
      variants: [{ sku: "LAMP-S", attributes: { size: "S" }, price: { amount: 1_000, currency: "EUR" } }],
      status: "published",
    });
    await operator.call("v1.inventory.set", { sku: "LAMP-S", onHand: 1_000 });
  });
  afterAll(async () => {
    for (const client of clients.splice(0)) client.close();
    await operator?.stop();
    await cluster?.close();
  });

  test("a gateway is killed with -9 in the middle: at the other one the stream goes on, each step once and in order", async () => {
    const orderId = await placeOrder(LATE_CARD);
    const first = await follow(0, orderId);
    await waitFor(() => first.statuses.includes("reserved"), PATIENT);
    await broker("api-1").kill();
    expect(await first.ended).toBe("lost");
    const second = await follow(1, orderId, first.lastEventId);
    await waitFor(() => second.statuses.includes("confirmed"), PATIENT);
    const shipmentId = await dispatch(orderId);
    await waitFor(() => second.statuses.includes("shipped"), PATIENT);
    // And back at the one that was killed: it has kept nothing, and needs nothing.
    second.close();
    await second.ended;
    await broker("api-1").start();
    const third = await follow(0, orderId, second.lastEventId);
    await deliver(shipmentId);
    expect(await third.ended).toBe("end");
    expect(steps(first, second, third)).toEqual(WHOLE_LIFE.map((status, index) => [index + 1, status]));
    expect((await follow(1, orderId, third.lastEventId)).status).toBe(204);
  });

  test("whoever changes the gateway after every step, while orders go on, misses nothing and hears nothing twice", async () => {
    const orderIds: string[] = [];
    for (let n = 0; n < 3; n++) orderIds.push(await placeOrder(n === 0 ? LATE_CARD : CARD));
    const heard = await Promise.all(
      orderIds.map(async (orderId, index) => {
        const parts: EventStreamClient[] = [];
        let lastEventId: string | undefined;
        for (let hop = index; ; hop++) {
          const client = await follow(hop % 2, orderId, lastEventId);
          parts.push(client);
          if (client.status === 204) return steps(...parts);
          await waitFor(() => client.lastEventId !== undefined, PATIENT);
          client.close();
          await client.ended;
          lastEventId = client.lastEventId;
          if (client.statuses.includes("confirmed")) await dispatch(orderId).then(deliver);
        }
      }),
    );
    for (const each of heard) expect(each).toEqual(WHOLE_LIFE.map((status, index) => [index + 1, status]));
  });

  test("a gateway with open streams stops in order and at once", async () => {
    const orderId = await placeOrder(CARD);
    const client = await follow(0, orderId);
    await waitFor(() => client.statuses.includes("confirmed"), PATIENT);
    await expect(broker("api-1").stop()).resolves.toBe(0);
    expect(await client.ended).toBe("end");
    expect(client.comments).toContain("the gateway stops");
    await broker("api-1").start();
  });

  test("an order that reaches its service when the client waits no longer is not accepted; its key is still good for one", async () => {
    await register();
    await fillCart();
    const body = await orderBody(CARD);
    const idempotencyKey = randomUUID();
    const { id, email, name } = account.user;
    const create = (deadline: Deadline) =>
      operator.call("v1.orders.create", { customer: { id, email, name }, idempotencyKey, ...body }, { deadline });
    const ordersOf = async () => ((await operator.call("v1.orders.list", { userId: id })) as { items: { id: string }[] }).items;
    // The service has heard of the caller before: it knows how long the way is.
    expect(await ordersOf()).toEqual([]);
    answers.length = 0;
    broker("orders-1").signal("SIGSTOP");
    await expect(create(Deadline.in(500))).rejects.toMatchObject({ type: "DEADLINE_EXCEEDED" });
    broker("orders-1").signal("SIGCONT");
    // Nobody waits for what the service answers when it goes on, but it tells what it has done: nothing.
    await waitFor(() => answers.length > 0, PATIENT);
    expect(answers).toEqual(["DEADLINE_EXCEEDED"]);
    expect(await ordersOf()).toEqual([]);
    const headers = { "idempotency-key": idempotencyKey };
    const accepted = await send("POST", `${gateway(1)}/api/v1/orders`, body, headers);
    const repeated = await send("POST", `${gateway(1)}/api/v1/orders`, body, headers);
    expect([accepted.status, repeated.status]).toEqual([202, 202]);
    expect(repeated.body.order.id).toBe(accepted.body.order.id);
    expect(await ordersOf()).toHaveLength(1);
  });

  test("a client in a hurry is told that its time is over, and a service that stands still is not waited for longer", async () => {
    await register();
    broker("orders-1").signal("SIGSTOP");
    try {
      const { status, body } = await send("GET", `${gateway(1)}/api/v1/orders`, undefined, { "request-timeout": "0.5" });
      expect([status, body.code]).toEqual([504, "DEADLINE_EXCEEDED"]);
    } finally {
      broker("orders-1").signal("SIGCONT");
    }
  });

  test("an order with hardly any time is accepted once or not at all, and its key tells which", async () => {
    for (const seconds of ["0.001", "0.01", "0.02", "0.05", "0.1"]) {
      await register();
      await fillCart();
      const body = await orderBody(CARD);
      const headers = { "idempotency-key": randomUUID() };
      const hurried = await send("POST", `${gateway(1)}/api/v1/orders`, body, { ...headers, "request-timeout": seconds });
      expect([202, 504]).toContain(hurried.status);
      const first = await send("POST", `${gateway(1)}/api/v1/orders`, body, headers);
      const second = await send("POST", `${gateway(1)}/api/v1/orders`, body, headers);
      expect([first.status, second.status]).toEqual([202, 202]);
      expect(second.body.order.id).toBe(first.body.order.id);
      if (hurried.status === 202) expect(hurried.body.order.id).toBe(first.body.order.id);
    }
  });

  test("a page answers without its part while the part's service still hangs", async () => {
    await register();
    broker("carts-1").signal("SIGSTOP");
    try {
      const { status, body } = await send("GET", `${gateway(1)}/api/v1/me/overview`);
      expect([status, body.degraded, body.cart]).toEqual([200, ["cart"], null]);
      expect(body.profile.id).toBe(account.user.id);
    } finally {
      broker("carts-1").signal("SIGCONT");
    }
    await eventually(async () => {
      const { body } = await send("GET", `${gateway(1)}/api/v1/me/overview`);
      expect(body.degraded).toEqual([]);
    }, PATIENT);
  });
});

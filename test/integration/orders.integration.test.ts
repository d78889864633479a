import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { EventData } from "@molecart/mixins/contracts/index.ts";
import type { Order } from "@molecart/mixins/contracts/orders.ts";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { Deadline } from "@molecart/mixins/lib/deadline.ts";
import { sql } from "kysely";
import type { ServiceSchema } from "moleculer";
import type { OrdersTables } from "../../services/orders/order.table.ts";
import { eventually } from "../support/eventually.ts";
import { customer, shippingAddress } from "../support/order-events.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { openStage, type Stage } from "../support/stage.ts";
import { type World, worlds } from "../support/worlds.ts";

jest.setTimeout(60_000);

const PAYMENT_DUE_MS = 900_000;
const eur = (amount: number) => ({ amount, currency: "EUR" });
const viewer = { userId: customer.id, roles: ["customer" as const] };
const staff = { userId: "boss", roles: ["staff" as const] };
const stranger = { userId: "somebody", roles: ["customer" as const] };

for (const { world: name, servers, open } of worlds) {
  describeWith([...servers], `The orders service, ${name}`, () => {
    let world: World;
    let stage: Stage<OrdersTables>;
    let clock: ManualClock;
    let cart: { sku: string; quantity: number; added?: { quantity: number; revision: number }[] }[];
    let revision: number;
    let price: number;
    let parcelStops: boolean;
    /** The orders that were said to have changed. */
    let hints: string[] = [];
    let lookIntoCart: () => Promise<void>;
    let key = 0;

    const fakes = (): ServiceSchema[] => [
      { name: "carts", version: 1, actions: { lines: () => lookIntoCart().then(() => ({ lines: cart, revision })) } },
      {
        name: "products",
        version: 1,
        actions: {
          items: ({ params: { skus } }: { params: { skus: string[] } }) => ({
            items: skus
              .filter((sku) => sku !== "GONE")
              .map((sku) => ({ sku, productId: `p-${sku}`, name: sku, unitPrice: eur(price), sellable: sku !== "DRAFT" })),
          }),
        },
      },
      { name: "shipping", version: 1, actions: { cancel: () => ({ cancelled: parcelStops }) } },
      {
        name: "listener",
        events: { "order.changed": ({ params }: { params: { orderId: string } }) => void hints.push(params.orderId) },
      },
    ];
    const request = (more: object = {}) => {
      key += 1;
      return { customer, idempotencyKey: `key-${key}`, paymentToken: "tok", shippingAddress, ...more };
    };
    const place = (more: object = {}): Promise<Order> => stage.call("v1.orders.create", request(more));
    const statusOf = async (order: Order) => (await stage.call("v1.orders.get", { orderId: order.id, viewer })).status;
    const sentTypes = async (order: Order) => (await stage.sent(order.id)).map(({ type }) => type);

    const tell = {
      reserved: (order: Order) =>
        stage.publish("stock.reserved", order.id, { orderId: order.id, lines: [], expiresAt: "2026-01-01T00:00:00.000Z" }),
      paid: (order: Order) =>
        stage.publish("payment.completed", order.id, {
          orderId: order.id,
          number: order.number,
          paymentId: "p1",
          amount: order.totals.total,
          card: { brand: "visa", last4: "4242" },
          customer,
        }),
      failed: (order: Order) =>
        stage.publish("payment.failed", order.id, {
          orderId: order.id,
          number: order.number,
          paymentId: "p1",
          code: "card_declined",
          customer,
        }),
      refunded: (order: Order, full: boolean) =>
        stage.publish("payment.refunded", order.id, {
          orderId: order.id,
          number: order.number,
          paymentId: "p1",
          refundId: "r1",
          amount: eur(1),
          refundedTotal: eur(1),
          full,
          customer,
          reason: "goodwill",
        }),
      dispatched: (order: Order) => stage.publish("shipment.dispatched", order.id, parcel(order)),
    };
    const parcel = (order: Order): EventData<"shipment.dispatched"> => ({
      orderId: order.id,
      number: order.number,
      shipmentId: "s1",
      carrier: "DHL",
      trackingNumber: "T1",
      customer,
      at: "2026-01-01T00:00:00.000Z",
    });
    const settled = async (publishing: Promise<{ id: string }>) => stage.outcomeOf(await publishing);

    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());
    beforeEach(async () => {
      cart = [{ sku: "A", quantity: 2 }];
      revision = 7;
      price = 1_000;
      lookIntoCart = async () => {};
      parcelStops = true;
      clock = new ManualClock();
      stage = await openStage({
        service: "orders",
        env: await world.environment("orders"),
        clock,
        fakes: fakes(),
        brokers: servers.length > 0 ? 2 : 1,
      });
    });
    afterEach(() => stage.close());

    test("lists what is neither confirmed nor cancelled for longer than asked, oldest first and page by page", async () => {
      const [waiting, reserved, done] = [await place(), await place(), await place()];
      await settled(tell.reserved(reserved));
      await settled(tell.reserved(done));
      await settled(tell.paid(done));
      clock.advance(5 * 60_000);
      await place();
      const first = await stage.call("v1.orders.listStuck", { olderThanMinutes: 4, limit: 1 });
      expect(first.items).toEqual([{ orderId: waiting.id, number: waiting.number, status: "pending", since: waiting.createdAt }]);
      const second = await stage.call("v1.orders.listStuck", {
        olderThanMinutes: 4,
        limit: 1,
        cursor: first.nextCursor as string,
      });
      expect(second).toMatchObject({ items: [{ orderId: reserved.id, status: "reserved" }], nextCursor: null });
      expect((await stage.call("v1.orders.listStuck", { olderThanMinutes: 6, limit: 10 })).items).toEqual([]);
    });

    test("accepts the cart as an order at the catalogue's prices, and announces it", async () => {
      const order = await place();
      expect(order).toMatchObject({
        status: "pending",
        totals: { items: eur(2_000), shipping: eur(490), tax: eur(473), total: eur(2_963) },
      });
      expect(await stage.call("v1.orders.get", { orderId: order.id, viewer })).toEqual(order);
      expect(await stage.sent(order.id)).toEqual([
        {
          type: "order.created",
          data: expect.objectContaining({
            orderId: order.id,
            customer,
            paymentToken: "tok",
            lines: order.lines.map(({ tax: _tax, taxRate: _rate, ...line }) => line),
            totals: { items: eur(2_000), shipping: eur(490), tax: eur(473), total: eur(2_963) },
            cartRevision: 7,
          }),
        },
      ]);
    });

    test.each([
      [
        "an empty cart",
        () => {
          cart = [];
        },
        "CART_EMPTY",
      ],
      [
        "a product that is gone",
        () => {
          cart = [{ sku: "GONE", quantity: 1 }];
        },
        "NOT_SELLABLE",
      ],
      [
        "a product that is not for sale",
        () => {
          cart = [{ sku: "DRAFT", quantity: 1 }];
        },
        "NOT_SELLABLE",
      ],
    ])("refuses %s and keeps nothing", async (_, arrange, type) => {
      arrange();
      await expect(place()).rejects.toMatchObject({ type, code: 409 });
      expect(await stage.database.db.selectFrom("orders").selectAll().execute()).toEqual([]);
      expect(await stage.database.db.selectFrom("idempotency").selectAll().execute()).toEqual([]);
    });

    test("refuses a total that has changed, and takes the right one", async () => {
      await expect(place({ expectedTotal: eur(1) })).rejects.toMatchObject({
        type: "TOTAL_CHANGED",
        data: { actual: eur(2_963) },
      });
      await expect(place({ expectedTotal: eur(2_963) })).resolves.toMatchObject({ status: "pending" });
    });

    test("answers a repeated key with the same order, also when the cart has changed since", async () => {
      const first = request();
      const order = await stage.call("v1.orders.create", first);
      cart = [];
      price = 9_999;
      expect(await stage.call("v1.orders.create", first)).toEqual(order);
      expect(await sentTypes(order)).toEqual(["order.created"]);
    });

    test("refuses a key that comes again with another request, and one customer's key is free for another", async () => {
      const first = request();
      await stage.call("v1.orders.create", first);
      await expect(stage.call("v1.orders.create", { ...first, paymentToken: "other" })).rejects.toMatchObject({
        type: "IDEMPOTENCY_KEY_REUSED",
        code: 422,
      });
      const other = await stage.call("v1.orders.create", {
        ...first,
        customer: { ...customer, id: "customer-2" },
        paymentToken: "other",
      });
      expect(other.status).toBe("pending");
    });

    test("makes one order of twenty simultaneous requests with one key", async () => {
      const first = request();
      const orders = await Promise.all(Array.from({ length: 20 }, () => stage.call("v1.orders.create", first)));
      expect(new Set(orders.map(({ id }) => id)).size).toBe(1);
      expect(await stage.database.db.selectFrom("orders").selectAll().execute()).toHaveLength(1);
      expect(await sentTypes(orders[0] as Order)).toEqual(["order.created"]);
    });

    test("answers the order to a copy of its request that is so slow that the cart is empty by then", async () => {
      const body = request();
      const looked = Promise.withResolvers<void>();
      const emptied = Promise.withResolvers<void>();
      lookIntoCart = () => {
        looked.resolve();
        return emptied.promise;
      };
      const copy = stage.call("v1.orders.create", body);
      await looked.promise;
      lookIntoCart = async () => {};
      const order = await stage.call("v1.orders.create", body);
      cart = [];
      emptied.resolve();
      expect(await copy).toEqual(order);
    });

    const inCart = (...units: [sku: string, quantity: number, revision: number][]) => {
      cart = units.map(([sku, quantity, at]) => ({ sku, quantity, added: [{ quantity, revision: at }] }));
      revision = Math.max(...units.map(([, , at]) => at));
    };
    const ordersKept = async () => (await stage.database.db.selectFrom("orders").select("id").execute()).length;

    test("takes the same units once, however many orders with keys of their own ask at the same moment", async () => {
      inCart(["A", 2, 7]);
      const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => place()));
      const accepted = outcomes.filter((outcome) => outcome.status === "fulfilled").map(({ value }) => value);
      const refused = outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => reason);
      expect(accepted).toHaveLength(1);
      for (const reason of refused)
        expect(reason).toMatchObject({ type: "CART_ALREADY_ORDERED", code: 409, data: { orderId: accepted[0]?.id } });
      expect(await ordersKept()).toBe(1);
    });

    test("takes only what has come in since the last order, while carts have not heard of that one", async () => {
      inCart(["A", 2, 7], ["B", 1, 8]);
      const first = await place();
      // Nothing is new, although a line has gone: what is left was ordered.
      inCart(["A", 2, 7]);
      await expect(place()).rejects.toMatchObject({ type: "CART_ALREADY_ORDERED", data: { orderId: first.id } });
      inCart(["A", 2, 7], ["C", 3, 9]);
      const second = await place();
      expect(second.lines.map(({ sku, quantity }) => [sku, quantity])).toEqual([["C", 3]]);
      await stage.call("v1.orders.cancel", { orderId: first.id, viewer, reason: "changed my mind" });
      await expect(place()).rejects.toMatchObject({ type: "CART_ALREADY_ORDERED", data: { orderId: second.id } });
      // Carts have heard of both.
      cart = [];
      await expect(place()).rejects.toMatchObject({ type: "CART_EMPTY" });
      inCart(["A", 2, 12]);
      await expect(place()).resolves.toMatchObject({ status: "pending" });
    });

    test("orders again what came in while another order was being accepted, and no more", async () => {
      inCart(["A", 1, 7]);
      let looks = 0;
      lookIntoCart = async () => {
        looks += 1;
        if (looks > 1) return;
        await place();
        inCart(["A", 1, 7], ["B", 1, 8]);
      };
      const order = await place();
      expect(order.lines.map(({ sku }) => sku)).toEqual(["B"]);
      expect(looks).toBe(3);
    });

    describe("a quote", () => {
      const quote = (country = "GB") => stage.call("v1.orders.quote", { userId: customer.id, country });

      test("is what an order costs until it expires, although the catalogue has changed since", async () => {
        const { id, totals, lines, expiresAt } = await quote();
        expect(totals.total).toEqual(eur(2_963));
        expect(Date.parse(expiresAt) - clock.now()).toBe(15 * 60_000);
        price = 9_999;
        clock.advance(15 * 60_000 - 1);
        const order = await place({ quoteId: id });
        expect([order.totals, order.lines]).toEqual([totals, lines]);
        expect((await place()).totals.items).toEqual(eur(19_998));
      });

      test("is refused when it is late, of another cart, for another country, somebody else's or unknown", async () => {
        const { id } = await quote();
        const abroad = await quote("AT");
        const refused = (more: object, type: string, code = 409) => expect(place(more)).rejects.toMatchObject({ type, code });
        await refused({ quoteId: abroad.id }, "QUOTE_COUNTRY_DIFFERS");
        await refused({ quoteId: id, customer: { ...customer, id: "customer-2" } }, "QUOTE_NOT_FOUND", 404);
        await refused({ quoteId: "nothing" }, "QUOTE_NOT_FOUND", 404);
        await refused({ quoteId: id, expectedTotal: eur(1) }, "TOTAL_CHANGED");
        cart = [{ sku: "A", quantity: 3 }];
        await refused({ quoteId: id }, "QUOTE_CHANGED");
        cart = [{ sku: "A", quantity: 2 }];
        clock.advance(15 * 60_000);
        await refused({ quoteId: id }, "QUOTE_EXPIRED");
        expect(await ordersKept()).toBe(0);
      });

      test("is good for one order, however many ask at the same moment, and answers its key again", async () => {
        const { id } = await quote();
        const requests = Array.from({ length: 8 }, () => request({ quoteId: id }));
        const outcomes = await Promise.allSettled(requests.map((one) => stage.call("v1.orders.create", one)));
        const [order, ...others] = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
        expect(others).toEqual([]);
        for (const outcome of outcomes)
          if (outcome.status === "rejected")
            expect(outcome.reason).toMatchObject({ type: "QUOTE_USED", code: 409, data: { orderId: order?.id } });
        cart = [];
        const winner = requests[outcomes.findIndex(({ status }) => status === "fulfilled")];
        expect(await stage.call("v1.orders.create", winner as never)).toEqual(order);
      });

      test("is not made of an empty cart, or of what is ordered or not for sale", async () => {
        cart = [];
        await expect(quote()).rejects.toMatchObject({ type: "CART_EMPTY" });
        cart = [{ sku: "DRAFT", quantity: 1 }];
        await expect(quote()).rejects.toMatchObject({ type: "NOT_SELLABLE" });
        inCart(["A", 1, 7]);
        await place();
        await expect(quote()).rejects.toMatchObject({ type: "CART_ALREADY_ORDERED" });
      });
    });

    test("confirms a reserved and paid order once, and says so once", async () => {
      const order = await place();
      await settled(tell.reserved(order));
      expect(await statusOf(order)).toBe("reserved");
      await settled(tell.paid(order));
      await settled(tell.paid(order));
      expect(await statusOf(order)).toBe("confirmed");
      expect(await sentTypes(order)).toEqual(["order.created", "order.confirmed"]);
      const { history } = await stage.call("v1.orders.get", { orderId: order.id, viewer });
      expect(history.map(({ status }) => status)).toEqual(["pending", "reserved", "paid", "confirmed"]);
    });

    test("tells its steps after one, to owner and staff, and hints at each change once it can be read", async () => {
      const order = await place();
      const progress = (after: number, who: Parameters<typeof stage.call<"v1.orders.progress">>[1]["viewer"] = viewer) =>
        stage.call("v1.orders.progress", { orderId: order.id, viewer: who, after });
      hints = [];
      expect(await progress(0)).toMatchObject({ steps: [{ seq: 1, status: "pending" }], last: 1, settled: false });
      await stage.outcomeOf(await tell.paid(order));
      // On every broker that listens.
      await eventually(() => expect(hints).toEqual(Array(world.nats ? 2 : 1).fill(order.id)));
      expect((await progress(1, staff)).steps.map(({ seq, status }) => [seq, status])).toEqual([
        [2, "reserved"],
        [3, "paid"],
        [4, "confirmed"],
      ]);
      expect(await progress(4)).toEqual({ steps: [], last: 4, status: "confirmed", settled: false });
      // A repeat changes nothing and says nothing.
      await stage.outcomeOf(await tell.paid(order));
      expect(new Set(hints)).toEqual(new Set([order.id]));
      expect(hints).toHaveLength(world.nats ? 2 : 1);
      await expect(progress(0, stranger)).rejects.toMatchObject({ type: "ORDER_NOT_FOUND" });
      await expect(stage.call("v1.orders.progress", { orderId: "nowhere", viewer: staff, after: 0 })).rejects.toMatchObject({
        type: "ORDER_NOT_FOUND",
      });
    });

    test("does not accept an order when the customer waits no longer", async () => {
      const late = request();
      const deadline = Deadline.in(400);
      let left: () => void = () => {};
      const gone = new Promise<void>((resolve) => {
        left = resolve;
      });
      lookIntoCart = async () => {
        lookIntoCart = async () => {};
        await gone;
      };
      await expect(stage.call("v1.orders.create", late, { deadline })).rejects.toMatchObject({ type: "DEADLINE_EXCEEDED" });
      left();
      expect((await stage.call("v1.orders.list", { userId: customer.id, limit: 100 })).items).toEqual([]);
      // The key is still good.
      await expect(stage.call("v1.orders.create", late)).resolves.toMatchObject({ status: "pending" });
    });

    if (servers.length > 0)
      test("breaks a list off in PostgreSQL when nobody waits for it any more, and lists on", async () => {
        const order = await place();
        const blocked = async (): Promise<number> => {
          const { rows } = await sql<{ count: number }>`
            select count(*)::int as count from pg_stat_activity
            where state = 'active' and wait_event_type = 'Lock' and query like '%from "orders"%'`.execute(stage.database.db);
          return rows[0]?.count ?? 0;
        };
        await stage.database.db.transaction().execute(async (trx) => {
          await sql`lock table orders in access exclusive mode`.execute(trx);
          const list = stage.call("v1.orders.list", { userId: customer.id, limit: 10 }, { deadline: Deadline.in(1_000) });
          const refused = expect(list).rejects.toMatchObject({ type: "DEADLINE_EXCEEDED" });
          await eventually(async () => expect(await blocked()).toBe(1));
          await refused;
          // The lock is still held: only a cancelled query waits for it no longer.
          await eventually(async () => expect(await blocked()).toBe(0), { withinMs: 3_000 });
        });
        const { items } = await stage.call("v1.orders.list", { userId: customer.id, limit: 10 });
        expect(items.map(({ id }) => id)).toEqual([order.id]);
      });

    test("cancels with the reason when the payment fails, and ignores what comes after", async () => {
      const order = await place();
      await settled(tell.failed(order));
      await settled(tell.paid(order));
      await settled(tell.reserved(order));
      const { status, history } = await stage.call("v1.orders.get", { orderId: order.id, viewer });
      expect([status, history.at(-1)?.reason]).toEqual(["cancelled", "payment_failed: card_declined"]);
      expect(await stage.sent(order.id)).toEqual([
        expect.anything(),
        { type: "order.cancelled", data: expect.objectContaining({ reason: "payment_failed: card_declined", customer }) },
      ]);
    });

    test("cancels an order that is not paid in time, and leaves a confirmed one alone", async () => {
      const [late, paid] = [await place(), await place()];
      await settled(tell.paid(paid));
      clock.advance(PAYMENT_DUE_MS + 1);
      await eventually(async () => expect(await statusOf(late)).toBe("cancelled"));
      expect(await statusOf(paid)).toBe("confirmed");
      expect(await stage.database.db.selectFrom("job").selectAll().execute()).toEqual([]);
    });

    test("keeps an event of an order that it does not know for another try", async () => {
      const unknown = { id: "nowhere" } as Order;
      await stage.publish("stock.rejected", unknown.id, { orderId: unknown.id, shortages: [] });
      await eventually(async () => {
        const [row] = await stage.database.db.selectFrom("inbox").selectAll().execute();
        expect(row).toMatchObject({ status: "failed", error_code: "ORDER_NOT_FOUND" });
      });
    });

    test("cancels on the customer's wish at once while it is not confirmed", async () => {
      const order = await place();
      const cancelled = await stage.call("v1.orders.cancel", { orderId: order.id, viewer, reason: "changed my mind" });
      expect([cancelled.status, cancelled.history.at(-1)?.reason]).toEqual(["cancelled", "changed my mind"]);
      expect(await stage.call("v1.orders.cancel", { orderId: order.id, viewer, reason: "again" })).toEqual(cancelled);
      expect(await sentTypes(order)).toEqual(["order.created", "order.cancelled"]);
    });

    test("asks shipping before it cancels a confirmed order", async () => {
      const order = await place();
      await settled(tell.paid(order));
      const answer = await stage.call("v1.orders.cancel", { orderId: order.id, viewer, reason: "too late?" });
      expect(answer.status).toBe("confirmed");
      await eventually(async () => expect(await statusOf(order)).toBe("cancelled"));
    });

    test("keeps a confirmed order whose parcel cannot be stopped, and refuses once it is on its way", async () => {
      parcelStops = false;
      const order = await place();
      await settled(tell.paid(order));
      await stage.call("v1.orders.cancel", { orderId: order.id, viewer, reason: "too late" });
      await eventually(async () => expect(await stage.database.db.selectFrom("job").selectAll().execute()).toEqual([]));
      expect(await statusOf(order)).toBe("confirmed");
      await settled(tell.dispatched(order));
      await expect(stage.call("v1.orders.cancel", { orderId: order.id, viewer, reason: "really" })).rejects.toMatchObject({
        type: "NOT_CANCELLABLE",
      });
    });

    describe("a return", () => {
      const delivered = async (): Promise<Order> => {
        cart = [
          { sku: "A", quantity: 3 },
          { sku: "B", quantity: 1 },
        ];
        const order = await place();
        await settled(tell.paid(order));
        await settled(tell.dispatched(order));
        return order;
      };
      const ask = (order: Order, lines: { sku: string; quantity: number }[], more: object = {}) => {
        key += 1;
        const params = { orderId: order.id, viewer, idempotencyKey: `key-${key}`, lines, reason: "too bright", ...more };
        return stage.call("v1.orders.requestReturn", params);
      };
      const refunded = (order: Order, returnId: string, amount: number) =>
        settled(stage.publish("return.refunded", order.id, { orderId: order.id, returnId, amount: eur(amount) }));
      const listed = async (order: Order) => (await stage.call("v1.orders.listReturns", { orderId: order.id, viewer })).items;

      test("goes from its announcement over its arrival to its refund, and is told to the world", async () => {
        const order = await delivered();
        const asked = await ask(order, [{ sku: "A", quantity: 2 }]);
        expect(asked).toMatchObject({ status: "requested", lines: [{ sku: "A", quantity: 2 }], received: [], refund: null });
        const lines = [
          { sku: "A", quantity: 1, restock: true },
          { sku: "A", quantity: 1, restock: false },
        ];
        const received = await stage.call("v1.orders.receiveReturn", { returnId: asked.id, lines });
        // Two of A, 1000 each, at 19 %.
        expect(received).toMatchObject({ status: "received", received: lines, refund: eur(2_380) });
        expect((await stage.sent(order.id)).at(-1)).toEqual({
          type: "return.received",
          data: { orderId: order.id, number: order.number, returnId: asked.id, customer, lines, refundAmount: eur(2_380) },
        });
        expect(await stage.call("v1.orders.receiveReturn", { returnId: asked.id, lines })).toEqual(received);
        expect((await sentTypes(order)).filter((type) => type === "return.received")).toHaveLength(1);
        await refunded(order, asked.id, 2_000);
        await refunded(order, asked.id, 2_000);
        expect(await listed(order)).toMatchObject([{ id: asked.id, status: "refunded", refund: eur(2_000) }]);
        expect(await statusOf(order)).toBe("shipped");
      });

      test("is never of more than was bought, however many are asked for at the same moment", async () => {
        const order = await delivered();
        const asked = await Promise.allSettled(Array.from({ length: 10 }, () => ask(order, [{ sku: "A", quantity: 1 }])));
        expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
        for (const outcome of asked) {
          if (outcome.status === "rejected") {
            expect(outcome.reason).toMatchObject({
              type: "RETURN_TOO_LARGE",
              code: 409,
              data: { lines: [{ sku: "A", requested: 1, returnable: 0 }] },
            });
          }
        }
        expect(await listed(order)).toHaveLength(3);
      });

      test("with one key is one return", async () => {
        const order = await delivered();
        const same = { idempotencyKey: "mine" };
        const asked = await Promise.all(Array.from({ length: 8 }, () => ask(order, [{ sku: "A", quantity: 1 }], same)));
        expect(new Set(asked.map(({ id }) => id)).size).toBe(1);
        await expect(ask(order, [{ sku: "B", quantity: 1 }], same)).rejects.toMatchObject({ type: "IDEMPOTENCY_KEY_REUSED" });
      });

      test("that is rejected gives its units free for another one", async () => {
        const order = await delivered();
        const asked = await ask(order, [{ sku: "B", quantity: 1 }]);
        const rejected = await stage.call("v1.orders.rejectReturn", { returnId: asked.id, reason: "worn" });
        expect(rejected).toMatchObject({ status: "rejected", rejection: "worn" });
        expect(await stage.call("v1.orders.rejectReturn", { returnId: asked.id, reason: "again" })).toEqual(rejected);
        expect((await sentTypes(order)).filter((type) => type === "return.rejected")).toHaveLength(1);
        const lines = [{ sku: "B", quantity: 1, restock: true }];
        await expect(stage.call("v1.orders.receiveReturn", { returnId: asked.id, lines })).rejects.toMatchObject({
          type: "RETURN_CLOSED",
          data: { status: "rejected" },
        });
        await expect(ask(order, [{ sku: "B", quantity: 1 }])).resolves.toMatchObject({ status: "requested" });
      });

      test("is received or rejected, not both, when both happen at the same moment", async () => {
        const order = await delivered();
        const asked = await ask(order, [{ sku: "A", quantity: 1 }]);
        const outcomes = await Promise.allSettled([
          stage.call("v1.orders.receiveReturn", { returnId: asked.id, lines: [{ sku: "A", quantity: 1, restock: true }] }),
          stage.call("v1.orders.rejectReturn", { returnId: asked.id, reason: "worn" }),
        ]);
        expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
        expect((await sentTypes(order)).filter((type) => type.startsWith("return."))).toHaveLength(1);
      });

      test("is refused before the parcel has left, and nobody's business but the owner's and staff's", async () => {
        const order = await place();
        await settled(tell.paid(order));
        await expect(ask(order, [{ sku: "A", quantity: 1 }])).rejects.toMatchObject({
          type: "NOT_RETURNABLE",
          data: { status: "confirmed" },
        });
        await settled(tell.dispatched(order));
        await expect(ask(order, [{ sku: "A", quantity: 1 }], { viewer: stranger })).rejects.toMatchObject({ code: 404 });
        await expect(stage.call("v1.orders.listReturns", { orderId: order.id, viewer: stranger })).rejects.toMatchObject({
          type: "ORDER_NOT_FOUND",
        });
        await expect(ask(order, [{ sku: "A", quantity: 1 }], { viewer: staff })).resolves.toMatchObject({ status: "requested" });
        await expect(stage.call("v1.orders.rejectReturn", { returnId: "nowhere", reason: "x" })).rejects.toMatchObject({
          type: "RETURN_NOT_FOUND",
        });
      });
    });

    test("is refunded when all of the money is back, and not before", async () => {
      const order = await place();
      await settled(tell.paid(order));
      await settled(tell.refunded(order, false));
      expect(await statusOf(order)).toBe("confirmed");
      await settled(tell.refunded(order, true));
      expect(await statusOf(order)).toBe("refunded");
    });

    test("is refunded also when the refund overtakes the payment that it is of", async () => {
      const order = await place();
      await settled(tell.refunded(order, true));
      await settled(tell.paid(order));
      expect(await statusOf(order)).toBe("refunded");
      expect(await sentTypes(order)).toEqual(["order.created", "order.confirmed"]);
    });

    test("shows and cancels an order for its owner and staff only, and denies its existence to others", async () => {
      const order = await place();
      await expect(stage.call("v1.orders.get", { orderId: order.id, viewer: stranger })).rejects.toMatchObject({
        type: "ORDER_NOT_FOUND",
      });
      await expect(stage.call("v1.orders.cancel", { orderId: order.id, viewer: stranger, reason: "mine" })).rejects.toMatchObject(
        { code: 404 },
      );
      await expect(stage.call("v1.orders.get", { orderId: order.id, viewer: staff })).resolves.toEqual(order);
    });

    test("lists a customer's own orders page by page, newest first, and all of them to staff by status", async () => {
      const placed: Order[] = [];
      for (let i = 0; i < 5; i++) placed.push(await place());
      await place({ customer: { ...customer, id: "customer-2" } });
      const newestFirst = placed.map(({ id }) => id).reverse();
      const one = await stage.call("v1.orders.list", { userId: customer.id, limit: 3 });
      const two = await stage.call("v1.orders.list", { userId: customer.id, limit: 3, cursor: one.nextCursor as string });
      expect([...one.items, ...two.items].map(({ id }) => id)).toEqual(newestFirst);
      expect(two.nextCursor).toBeNull();
      await settled(tell.paid(placed[0] as Order));
      const confirmed = await stage.call("v1.orders.listAll", { status: "confirmed", limit: 10 });
      expect(confirmed.items.map(({ id }) => id)).toEqual([placed[0]?.id]);
      await expect(stage.call("v1.orders.list", { userId: customer.id, limit: 3, cursor: "forged" })).rejects.toMatchObject({
        type: "INVALID_CURSOR",
      });
    });
  });
}

import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { brokerOptions } from "@molecart/mixins/broker-options.ts";
import type { Token } from "@molecart/mixins/contracts/payments.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import type { EventBus } from "@molecart/mixins/messaging/event-bus.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import { ServiceBroker } from "moleculer";
import pg from "pg";
import { sign } from "../../services/payments/signature.ts";
import { type Cluster, openCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { orderData } from "../support/order-events.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { freePort } from "../support/servers/ports.ts";
import { ShopProcess } from "../support/shop-process.ts";

jest.setTimeout(180_000);

const ORDERS = 24;
const COPIES = 6;
/** Charges, and never answers: the job that asks again and the provider's webhooks bring the outcome at about the same time. */
const SILENT_CARD = "4000000000000341";
const AMOUNT = 1_000;

const at = () => new Date().toISOString();
const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

describeWith(["nats", "postgres", "redis"], "Two processes of payments over NATS and PostgreSQL", () => {
  let cluster: Cluster;
  let second: ShopProcess;
  let operator: ServiceBroker;
  let bus: EventBus;
  let db: pg.Pool;
  let listeners: string[];

  const rows = async <T>(query: string, ...values: unknown[]): Promise<T[]> => (await db.query(query, values)).rows as T[];
  const publish = (envelopes: Envelope[]) => bus.publish(envelopes);
  const line = [{ sku: "LAMP", quantity: 1 }];
  /** Each with an id of its own: no inbox takes one for a copy of another. */
  const created = (orderId: string, paymentToken: string) =>
    newEnvelope("order.created", orderId, { ...orderData(orderId, line), paymentToken }, at()) as Envelope;
  const reserved = (orderId: string) =>
    newEnvelope("stock.reserved", orderId, { orderId, lines: line, expiresAt: at() }, at()) as Envelope;
  const cancelled = (orderId: string) =>
    newEnvelope("order.cancelled", orderId, { ...orderData(orderId, line), reason: "changed_mind" }, at()) as Envelope;

  const post = (listener: string, path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(`${listener}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
      signal: AbortSignal.timeout(20_000),
    });
  const tokenOf = async (listener: string): Promise<string> => {
    const card = { number: SILENT_CARD, expMonth: 12, expYear: new Date().getUTCFullYear() + 2, cvc: "123" };
    const response = await post(listener, "/tokens", JSON.stringify(card));
    expect(response.status).toBe(201);
    return ((await response.json()) as Token).token;
  };
  const tell = async (listener: string, event: object): Promise<number> => {
    const body = JSON.stringify(event);
    const secret = cluster.env.PAYMENTS_SANDBOX_WEBHOOK_SECRET as string;
    const signature = sign(secret, Buffer.from(body), Math.floor(Date.now() / 1000));
    return (await post(listener, "/webhooks/sandbox", body, { "x-sandbox-signature": signature })).status;
  };
  /** As soon as the provider has charged for an order: the same news at both listeners, several times, under two ids. */
  const tellOfCharge = async (orderId: string): Promise<void> => {
    const [charge] = await eventually(
      async () => {
        const found = await rows<{ key: string; id: string }>(
          `select c.idempotency_key as key, c.charge_id as id from sandbox_charge c join payment p on p.id = c.idempotency_key where p.order_id = $1`,
          orderId,
        );
        expect(found).toHaveLength(1);
        return found;
      },
      { withinMs: 60_000 },
    );
    const data = { idempotencyKey: charge?.key, chargeId: charge?.id, card: { brand: "visa", last4: "0341" } };
    const events = times(2, () => ({ id: `evt_${newId()}`, type: "charge.succeeded", data }));
    const copies = events.flatMap((event) => listeners.flatMap((listener) => [tell(listener, event), tell(listener, event)]));
    expect(new Set(await Promise.all(copies))).toEqual(new Set([200]));
  };

  beforeAll(async () => {
    cluster = await openCluster([["payments"]], { PAYMENTS_PROVIDER_TIMEOUT_MS: "500" });
    const [port, healthPort] = [await freePort(), await freePort()];
    second = new ShopProcess({
      command: ["broker.ts", "payments"],
      env: { ...cluster.env, NODE_ID: "payments-second", PAYMENTS_PORT: String(port), HEALTH_PORT: String(healthPort) },
      readyUrl: `http://127.0.0.1:${healthPort}/health/ready`,
    });
    await second.start();
    listeners = [cluster.payments, `http://127.0.0.1:${port}`];
    db = new pg.Pool({ connectionString: cluster.env.PAYMENTS_DATABASE_URL, max: 4 });
    operator = new ServiceBroker(brokerOptions({ ...cluster.env, NODE_ID: "operator", LOG_LEVEL: "fatal" }));
    // One that is in use when the broker starts is started and stopped with it.
    bus = runtimeOf(operator).bus;
    await operator.start();
  });
  afterAll(async () => {
    await operator?.stop();
    await db?.end();
    await second?.kill();
    await cluster?.close();
  });

  test("charge, book and refund each order once, whatever both hear of it at the same moment", async () => {
    const orders = times(ORDERS, newId);
    const unwanted = new Set(orders.filter((_, index) => index % 2 === 0));
    const tokens = await Promise.all(orders.map((_, index) => tokenOf(listeners[index % 2] as string)));
    const beginnings = orders.flatMap((orderId, index) =>
      times(COPIES, () => [created(orderId, tokens[index] as string), reserved(orderId)]).flat(),
    );
    await publish(beginnings);
    await Promise.all(
      orders.map(async (orderId) => {
        await tellOfCharge(orderId);
        if (unwanted.has(orderId)) await publish(times(COPIES, () => cancelled(orderId)));
      }),
    );

    const arrivals = ORDERS * COPIES * 2 + unwanted.size * COPIES;
    await eventually(
      async () => {
        const [{ processed }] = (await rows("select count(*)::int as processed from inbox where status = 'processed'")) as [
          { processed: number },
        ];
        expect(processed).toBe(arrivals);
        expect(await rows("select id, last_error from job where kind <> 'reconcile'")).toEqual([]);
        expect(await rows("select event_id from outbox where published_at is null")).toEqual([]);
      },
      { withinMs: 90_000, everyMs: 200 },
    );

    expect(await rows("select idempotency_key from sandbox_charge where status = 'succeeded'")).toHaveLength(ORDERS);
    expect(await rows("select refund_id from sandbox_refund")).toHaveLength(unwanted.size);
    for (const orderId of orders) {
      const back = unwanted.has(orderId);
      const [payment] = await rows("select status, captured::int, refunded::int from payment where order_id = $1", orderId);
      expect(payment).toEqual({ status: back ? "refunded" : "completed", captured: AMOUNT, refunded: back ? AMOUNT : 0 });
      const entries = await rows<{ kind: string }>("select kind from ledger_entry where order_id = $1 order by kind", orderId);
      expect(entries.map(({ kind }) => kind)).toEqual(["capture", "capture", ...(back ? ["refund", "refund"] : [])]);
      const sent = await rows<{ type: string }>("select type from outbox where aggregate_id = $1 order by seq", orderId);
      expect(sent.map(({ type }) => type)).toEqual(["payment.completed", ...(back ? ["payment.refunded"] : [])]);
    }
  });
});

import { readdirSync, readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { brokerOptions } from "@molecart/mixins/broker-options.ts";
import type { EventName } from "@molecart/mixins/contracts/index.ts";
import type { Finding, Refund, RefundCase } from "@molecart/mixins/contracts/payments.ts";
import type { Database } from "@molecart/mixins/database/database.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { HttpListener } from "@molecart/mixins/http-listener.ts";
import type { Environment } from "@molecart/mixins/lib/config.ts";
import { Unavailable } from "@molecart/mixins/lib/errors.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import { sql } from "kysely";
import { ServiceBroker } from "moleculer";
import type { PaymentsTables } from "../../services/payments/payment.table.ts";
import paymentsSchema from "../../services/payments/payments.service.ts";
import type { PaymentProvider } from "../../services/payments/provider.ts";
import { sign } from "../../services/payments/signature.ts";
import { eventually, waitFor } from "../support/eventually.ts";
import { customer, orderData } from "../support/order-events.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { removeDataDirs, temporaryDataDir, type World, worlds } from "../support/worlds.ts";

const SECRET = "a secret for the tests, of 32 characters or more";
const PROVIDER_TIMEOUT_MS = 250;
const AMOUNT = { amount: 2_000, currency: "EUR" };
const CARDS = {
  succeeds: "4242424242424242",
  mastercard: "5555555555554444",
  declined: "4000000000000002",
  insufficientFunds: "4000000000009995",
  late: "4000000000000119",
  timesOut: "4000000000000341",
  refusesRefunds: "4000000000005126",
};

/** The system's time, as far on as the test wants it. */
class MovedClock {
  #ms = 0;
  now(): number {
    return Date.now() + this.#ms;
  }
  advance(ms: number): void {
    this.#ms += ms;
  }
}

/** What the tests reach of the running service. */
interface PaymentsService {
  database: Database<PaymentsTables & MessagingTables>;
  listener: HttpListener;
  provider(): PaymentProvider;
}

interface Shop {
  broker: ServiceBroker;
  service: PaymentsService;
  clock: MovedClock;
  /** Every line of the log, from trace on. */
  log: string[];
  url: string;
}

const startShop = async (env: Environment): Promise<Shop> => {
  const clock = new MovedClock();
  const options = brokerOptions(
    {
      PAYMENTS_PORT: "0",
      PAYMENTS_PROVIDER_TIMEOUT_MS: String(PROVIDER_TIMEOUT_MS),
      PAYMENTS_SANDBOX_LATE_MS: "100",
      PAYMENTS_SANDBOX_WEBHOOK_SECRET: SECRET,
      ...env,
      LOG_LEVEL: "trace",
    },
    clock,
  );
  const log: string[] = [];
  const { pino } = (options.logger as unknown as { options: { pino: { destination?: object } } }).options;
  pino.destination = { write: (line: string) => log.push(line) };
  const broker = new ServiceBroker(options);
  broker.createService(paymentsSchema);
  await broker.start().catch(async (error) => {
    await broker.stop();
    throw error;
  });
  const service = broker.getLocalService("v1.payments") as unknown as PaymentsService;
  return { broker, service, clock, log, url: service.listener.address };
};

const cardOf = (number: string) => ({ number, expMonth: 12, expYear: new Date().getUTCFullYear() + 2, cvc: "123" });

const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(5_000),
  });

/** A shop, and the test in the role of customers, orders, inventory and the provider. */
const actorsOn = (shop: () => Shop) => {
  const db = () => shop().service.database.db;

  const tokenFor = async (number: string): Promise<string> => {
    const response = await post(`${shop().url}/tokens`, cardOf(number));
    expect(response.status).toBe(201);
    return ((await response.json()) as { token: string }).token;
  };

  const publish = (...envelopes: Envelope[]): Promise<void> => runtimeOf(shop().broker).bus.publish(envelopes);
  const at = () => new Date().toISOString();
  const created = (orderId: string, paymentToken: string) =>
    newEnvelope(
      "order.created",
      orderId,
      { ...orderData(orderId, [{ sku: "LAMP", quantity: 2 }]), paymentToken },
      at(),
    ) as Envelope;
  const reserved = (orderId: string) =>
    newEnvelope("stock.reserved", orderId, { orderId, lines: [{ sku: "LAMP", quantity: 2 }], expiresAt: at() }, at()) as Envelope;
  const cancelled = (orderId: string, reason = "changed_mind") =>
    newEnvelope("order.cancelled", orderId, { ...orderData(orderId, [{ sku: "LAMP", quantity: 2 }]), reason }, at()) as Envelope;

  const processed = (envelope: Envelope): Promise<void> =>
    eventually(
      async () => {
        const { status } = await db()
          .selectFrom("inbox")
          .select("status")
          .where("event_id", "=", envelope.id)
          .executeTakeFirstOrThrow();
        expect(status).toBe("processed");
      },
      { describe: `${envelope.type} to be processed` },
    );
  const happens = async (...envelopes: Envelope[]): Promise<void> => {
    for (const envelope of envelopes) {
      await publish(envelope);
      await processed(envelope);
    }
  };

  const rowOf = (orderId: string) =>
    db().selectFrom("payment").selectAll().where("order_id", "=", orderId).executeTakeFirstOrThrow();
  const reaches = (orderId: string, status: string, withinMs = 10_000) =>
    eventually(
      async () => {
        const row = await rowOf(orderId);
        expect(row.status).toBe(status);
        return row;
      },
      { describe: `the payment to be ${status}`, withinMs },
    );
  const noJobsOf = (orderId: string) =>
    waitFor(async () => (await db().selectFrom("job").select("id").where("aggregate_id", "=", orderId).execute()).length === 0, {
      describe: "the jobs to be done",
    });

  const sentOf = async (orderId: string) => {
    const rows = await db().selectFrom("outbox").select("envelope").where("aggregate_id", "=", orderId).orderBy("seq").execute();
    return rows.map(({ envelope: { type, data } }) => ({ type, data }));
  };
  const sentTypes = async (orderId: string): Promise<EventName[]> => (await sentOf(orderId)).map(({ type }) => type);

  /** What the provider has in its own books for an order's payment. */
  const atProvider = async (orderId: string) => {
    const { id } = await rowOf(orderId);
    const charges = await db().selectFrom("sandbox_charge").selectAll().where("idempotency_key", "like", `${id}%`).execute();
    const refunds = await db().selectFrom("sandbox_refund").selectAll().where("idempotency_key", "like", `${id}%`).execute();
    return { charges, refunds };
  };

  /** The books balance, and say what the provider says. */
  const expectBooks = async (orderId: string, owed: number): Promise<void> => {
    const entries = await db().selectFrom("ledger_entry").selectAll().where("order_id", "=", orderId).execute();
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    expect(sum(entries.map(({ debit }) => debit))).toBe(sum(entries.map(({ credit }) => credit)));
    const receivable = entries.filter(({ account }) => account === "provider_receivable");
    expect(sum(receivable.map(({ debit, credit }) => debit - credit))).toBe(owed);
    const { charges, refunds } = await atProvider(orderId);
    const succeeded = charges.filter(({ status }) => status === "succeeded");
    expect(succeeded.length).toBeLessThanOrEqual(1);
    expect(sum(succeeded.map(({ amount }) => amount)) - sum(refunds.map(({ amount }) => amount))).toBe(owed);
  };

  const orderedWith = async (card: string): Promise<string> => {
    const orderId = newId();
    await happens(created(orderId, await tokenFor(card)), reserved(orderId));
    return orderId;
  };

  const webhook = (event: unknown, header?: string, provider = "sandbox") => {
    const body = JSON.stringify(event);
    const signature = header ?? sign(SECRET, Buffer.from(body), Math.floor(shop().clock.now() / 1000));
    return post(`${shop().url}/webhooks/${provider}`, body, { "x-sandbox-signature": signature });
  };

  /** Puts another provider in place of the sandbox, in parts. */
  const replaceProvider = (parts: (sandbox: PaymentProvider) => Partial<PaymentProvider>): (() => void) => {
    const { service } = shop();
    const original = service.provider;
    service.provider = () => ({ ...original(), ...parts(original()) });
    return () => {
      service.provider = original;
    };
  };

  return {
    db,
    tokenFor,
    created,
    reserved,
    cancelled,
    publish,
    processed,
    happens,
    rowOf,
    reaches,
    noJobsOf,
    sentOf,
    sentTypes,
    atProvider,
    expectBooks,
    orderedWith,
    webhook,
    replaceProvider,
  };
};

for (const { world: name, servers, open } of worlds) {
  describeWith(servers, `Payments, ${name}`, () => {
    let world: World;
    let env: Environment;
    let shop: Shop;
    const actors = actorsOn(() => shop);
    const { tokenFor, created, reserved, cancelled, happens, reaches, sentOf, sentTypes, atProvider, expectBooks } = actors;
    let restore = (): void => {};

    beforeAll(async () => {
      world = await open();
      env = await world.environment("payments");
      shop = await startShop(env);
    });
    afterEach(() => restore());
    afterAll(async () => {
      await shop?.broker.stop();
      await world?.close();
    });

    describe("an order that is reserved", () => {
      test("is charged, booked and announced", async () => {
        const orderId = await actors.orderedWith(CARDS.mastercard);
        const { id } = await reaches(orderId, "completed");
        const card = { brand: "mastercard", last4: "4444" };
        const { number } = orderData(orderId, []);
        expect(await sentOf(orderId)).toEqual([
          { type: "payment.completed", data: { orderId, number, paymentId: id, amount: AMOUNT, card, customer } },
        ]);
        await expectBooks(orderId, 2_000);

        const seen = await shop.broker.call("v1.payments.getByOrder", {
          orderId,
          viewer: { userId: customer.id, roles: ["customer"] },
        });
        expect(seen).toMatchObject({
          id,
          orderId,
          status: "completed",
          amount: AMOUNT,
          card,
          refunded: null,
          refunds: [],
          failureCode: null,
        });
      });

      test("is charged once, however often and in whatever order it is heard of", async () => {
        const orderId = newId();
        const token = await tokenFor(CARDS.succeeds);
        const events = [reserved(orderId), created(orderId, token), created(orderId, token), reserved(orderId)];
        await actors.publish(...events, ...events);
        await Promise.all(events.map(actors.processed));
        await reaches(orderId, "completed");
        await actors.noJobsOf(orderId);
        expect(await sentTypes(orderId)).toEqual(["payment.completed"]);
        await expectBooks(orderId, 2_000);
      });

      test("shows its payment to nobody else", async () => {
        const orderId = await actors.orderedWith(CARDS.succeeds);
        const stranger = shop.broker.call("v1.payments.getByOrder", { orderId, viewer: { userId: "x", roles: ["customer"] } });
        await expect(stranger).rejects.toMatchObject({ code: 404, type: "PAYMENT_NOT_FOUND" });
        const nothing = shop.broker.call("v1.payments.getByOrder", {
          orderId: newId(),
          viewer: { userId: "x", roles: ["staff"] },
        });
        await expect(nothing).rejects.toMatchObject({ code: 404, type: "PAYMENT_NOT_FOUND" });
      });

      test.each([
        [CARDS.declined, "card_declined"],
        [CARDS.insufficientFunds, "insufficient_funds"],
      ])("fails with card %s, and nothing is booked", async (card, code) => {
        const orderId = await actors.orderedWith(card);
        const { id } = await reaches(orderId, "failed");
        const { number } = orderData(orderId, []);
        const data = { orderId, number, paymentId: id, code, customer };
        expect(await sentOf(orderId)).toEqual([{ type: "payment.failed", data }]);
        await expectBooks(orderId, 0);
        // Orders cancels then, and payments hears of it: nothing is left to do.
        await happens(cancelled(orderId));
        await reaches(orderId, "failed");
        expect(await sentTypes(orderId)).toEqual(["payment.failed"]);
      });

      test("is charged when the provider answers late", async () => {
        const orderId = await actors.orderedWith(CARDS.late);
        await reaches(orderId, "completed");
        await expectBooks(orderId, 2_000);
      });

      test("whose charge got no answer is resolved by asking, not by charging again", async () => {
        let charges = 0;
        restore = actors.replaceProvider((sandbox) => ({
          charge: (request, signal) => {
            charges += 1;
            return sandbox.charge(request, signal);
          },
        }));
        const orderId = await actors.orderedWith(CARDS.timesOut);
        await reaches(orderId, "completed");
        expect(charges).toBe(1);
        expect((await atProvider(orderId)).charges).toHaveLength(1);
        expect(await sentTypes(orderId)).toEqual(["payment.completed"]);
        await expectBooks(orderId, 2_000);
      });

      test("is charged by the same key when the provider is back and has never heard of it", async () => {
        let away = true;
        const keys: string[] = [];
        restore = actors.replaceProvider((sandbox) => ({
          charge: (request, signal) => {
            keys.push(request.idempotencyKey);
            return away ? Promise.reject(new Error("connection refused")) : sandbox.charge(request, signal);
          },
        }));
        const orderId = await actors.orderedWith(CARDS.succeeds);
        await waitFor(() => keys.length >= 1);
        away = false;
        const { id } = await reaches(orderId, "completed");
        expect(new Set(keys)).toEqual(new Set([id]));
        await expectBooks(orderId, 2_000);
      });

      test("waits for a provider that has not decided yet", async () => {
        let asked = 0;
        restore = actors.replaceProvider((sandbox) => ({
          charge: async (request, signal) => {
            await sandbox.charge(request, signal);
            return { status: "pending" };
          },
          find: async (key, signal) => {
            asked += 1;
            return asked === 1 ? { status: "pending" } : sandbox.find(key, signal);
          },
        }));
        const orderId = await actors.orderedWith(CARDS.succeeds);
        await reaches(orderId, "completed");
        expect(asked).toBeGreaterThanOrEqual(2);
        await expectBooks(orderId, 2_000);
      });

      test("is charged once when payments stops in the middle of it", async () => {
        const orderId = newId();
        await happens(created(orderId, await tokenFor(CARDS.timesOut)), reserved(orderId));
        await eventually(async () => expect((await atProvider(orderId)).charges).toHaveLength(1));
        await shop.broker.stop();
        shop = await startShop(env);
        await reaches(orderId, "completed");
        expect((await atProvider(orderId)).charges).toHaveLength(1);
        await expectBooks(orderId, 2_000);
      });
    });

    describe("a payment token", () => {
      const failsAsInvalid = async (token: string): Promise<void> => {
        const orderId = newId();
        await happens(created(orderId, token), reserved(orderId));
        expect((await reaches(orderId, "failed")).failure_code).toBe("invalid_token");
        await expectBooks(orderId, 0);
      };

      test("that nobody has issued fails the payment", async () => {
        await failsAsInvalid("tok_made_up");
      });

      test("serves one order, even when two use it at the same moment", async () => {
        const token = await tokenFor(CARDS.succeeds);
        const orders = [newId(), newId()];
        const events = orders.flatMap((orderId) => [created(orderId, token), reserved(orderId)]);
        await actors.publish(...events);
        await Promise.all(events.map(actors.processed));
        const ends = await eventually(async () => {
          const rows = await Promise.all(orders.map(actors.rowOf));
          const statuses = rows.map(({ status, failure_code }) => [status, failure_code]);
          expect(statuses.sort()).toEqual([
            ["completed", null],
            ["failed", "invalid_token"],
          ]);
          return rows;
        });
        for (const { order_id, status } of ends) await expectBooks(order_id, status === "completed" ? 2_000 : 0);
        await failsAsInvalid(token);
      });

      test("expires", async () => {
        const token = await tokenFor(CARDS.succeeds);
        shop.clock.advance(30 * 60_000);
        await failsAsInvalid(token);
      });
    });

    describe("a cancellation", () => {
      test("before the charge makes the payment void, in any order of events", async () => {
        const token = await tokenFor(CARDS.succeeds);
        const orders = await Promise.all(
          [
            (id: string) => [cancelled(id), created(id, token), reserved(id)],
            (id: string) => [created(id, token), cancelled(id), reserved(id)],
            (id: string) => [reserved(id), cancelled(id), created(id, token)],
          ].map(async (story) => {
            const orderId = newId();
            await happens(...story(orderId));
            return orderId;
          }),
        );
        for (const orderId of orders) {
          expect(await reaches(orderId, "voided")).toMatchObject({ payment_token: null, amount: 2_000 });
          expect(await sentTypes(orderId)).toEqual([]);
          expect((await atProvider(orderId)).charges).toEqual([]);
        }
      });

      test("while the card is charged refunds the charge as soon as it is known", async () => {
        const orderId = await actors.orderedWith(CARDS.timesOut);
        await eventually(async () => expect((await atProvider(orderId)).charges).toHaveLength(1));
        await happens(cancelled(orderId));
        expect((await actors.rowOf(orderId)).status).toBe("charging");
        const { id } = await reaches(orderId, "refunded");
        const [refund] = await actors.db().selectFrom("refund").selectAll().where("order_id", "=", orderId).execute();
        expect(await sentTypes(orderId)).toEqual(["payment.completed", "payment.refunded"]);
        expect((await sentOf(orderId))[1]?.data).toEqual({
          orderId,
          paymentId: id,
          number: orderData(orderId, []).number,
          refundId: refund?.id,
          amount: AMOUNT,
          refundedTotal: AMOUNT,
          full: true,
          customer,
          reason: "changed_mind",
        });
        await expectBooks(orderId, 0);
      });

      test("after the charge refunds it once, however often it is heard of", async () => {
        const orderId = await actors.orderedWith(CARDS.succeeds);
        await reaches(orderId, "completed");
        await happens(cancelled(orderId), cancelled(orderId, "again"));
        expect(await reaches(orderId, "refunded")).toMatchObject({ cancel_reason: "changed_mind" });
        await actors.noJobsOf(orderId);
        expect(await sentTypes(orderId)).toEqual(["payment.completed", "payment.refunded"]);
        expect((await atProvider(orderId)).refunds).toHaveLength(1);
        await expectBooks(orderId, 0);
      });

      test("refunds once when the answer to the refund is lost", async () => {
        let lost = 0;
        restore = actors.replaceProvider((sandbox) => ({
          refund: async (request, signal) => {
            const answer = await sandbox.refund(request, signal);
            lost += 1;
            if (lost === 1) throw new Error("connection reset");
            return answer;
          },
        }));
        const orderId = await actors.orderedWith(CARDS.succeeds);
        await reaches(orderId, "completed");
        await happens(cancelled(orderId));
        await reaches(orderId, "refunded");
        expect((await atProvider(orderId)).refunds).toHaveLength(1);
        await expectBooks(orderId, 0);
      });

      test("while the provider is out of reach ends without a charge, but not before none can arrive any more", async () => {
        let charges = 0;
        let asked = 0;
        restore = actors.replaceProvider((sandbox) => ({
          charge: () => {
            charges += 1;
            return Promise.reject(new Error("connection refused"));
          },
          find: (key, signal) => {
            asked += 1;
            return sandbox.find(key, signal);
          },
        }));
        const orderId = await actors.orderedWith(CARDS.succeeds);
        await waitFor(() => charges >= 1);
        await happens(cancelled(orderId));
        const [sent, askedBefore] = [charges, asked];
        await waitFor(() => asked > askedBefore);
        expect((await actors.rowOf(orderId)).status).toBe("charging");
        shop.clock.advance(60_000);
        await reaches(orderId, "voided");
        expect(charges).toBe(sent);
        await expectBooks(orderId, 0);
      });
    });

    describe("a webhook", () => {
      const succeeded = (paymentId: string, chargeId: string, id = `evt_${newId()}`) => ({
        id,
        type: "charge.succeeded",
        data: { idempotencyKey: paymentId, chargeId, card: { brand: "visa", last4: "0341" } },
      });

      /** A payment whose charge has happened at the provider, and whose answer never comes. */
      const inTheDark = async (): Promise<{ orderId: string; paymentId: string; chargeId: string }> => {
        restore = actors.replaceProvider(() => ({ find: () => Promise.reject(new Error("connection refused")) }));
        const orderId = await actors.orderedWith(CARDS.timesOut);
        const [charge] = await eventually(async () => {
          const { charges } = await atProvider(orderId);
          expect(charges).toHaveLength(1);
          return charges;
        });
        return { orderId, paymentId: (await actors.rowOf(orderId)).id, chargeId: charge?.charge_id as string };
      };

      test("that comes three times has its effect once", async () => {
        const { orderId, paymentId, chargeId } = await inTheDark();
        const event = succeeded(paymentId, chargeId);
        const answers = await Promise.all([actors.webhook(event), actors.webhook(event), actors.webhook(event)]);
        expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
        // Answered means stored: nothing has to be waited for.
        expect((await actors.rowOf(orderId)).status).toBe("completed");
        const stored = await actors.db().selectFrom("provider_event").selectAll().where("event_id", "=", event.id).execute();
        expect(stored).toMatchObject([{ provider: "sandbox", type: "charge.succeeded", payment_id: paymentId }]);
        expect(await sentTypes(orderId)).toEqual(["payment.completed"]);
        await actors.noJobsOf(orderId);
        await expectBooks(orderId, 2_000);
      });

      test("that says the same under another id changes nothing", async () => {
        const { orderId, paymentId, chargeId } = await inTheDark();
        await actors.webhook(succeeded(paymentId, chargeId));
        await actors.webhook(succeeded(paymentId, chargeId));
        expect(await sentTypes(orderId)).toEqual(["payment.completed"]);
        await expectBooks(orderId, 2_000);
      });

      test("settles a charge while its cancellation waits", async () => {
        const { orderId, paymentId, chargeId } = await inTheDark();
        await happens(cancelled(orderId));
        expect((await actors.webhook(succeeded(paymentId, chargeId))).status).toBe(200);
        await reaches(orderId, "refunded");
        await expectBooks(orderId, 0);
      });

      test("about nothing of ours is taken and remembered", async () => {
        for (const event of [
          { id: `evt_${newId()}`, type: "payout.paid", data: {} },
          succeeded("a payment of another shop", "ch_1"),
        ]) {
          expect((await actors.webhook(event)).status).toBe(200);
          const stored = await actors.db().selectFrom("provider_event").selectAll().where("event_id", "=", event.id).execute();
          expect(stored).toMatchObject([{ payment_id: null }]);
        }
      });

      test("without a good signature is refused and has no effect", async () => {
        const { orderId, paymentId, chargeId } = await inTheDark();
        const event = succeeded(paymentId, chargeId);
        const body = Buffer.from(JSON.stringify(event));
        const seconds = Math.floor(shop.clock.now() / 1000);
        for (const header of ["", sign("another secret", body, seconds), sign(SECRET, body, seconds - 301)]) {
          const answer = await actors.webhook(event, header);
          expect(answer.status).toBe(401);
          expect(await answer.json()).toMatchObject({ code: "INVALID_SIGNATURE", status: 401 });
        }
        expect((await actors.rowOf(orderId)).status).toBe("charging");
        await happens(cancelled(orderId));
      });

      test("of a provider that nobody knows is not found", async () => {
        const answer = await actors.webhook({ id: "evt_1", type: "x" }, undefined, "gringotts");
        expect(answer.status).toBe(404);
        expect(await answer.json()).toMatchObject({ code: "PROVIDER_NOT_FOUND" });
      });

      test("that is signed but unreadable is refused", async () => {
        const answer = await actors.webhook({ id: "evt_1", type: "charge.succeeded", data: {} });
        expect(answer.status).toBe(422);
        expect(await answer.json()).toMatchObject({ code: "VALIDATION_FAILED" });
      });
    });

    describe("a refund", () => {
      const staff = { userId: "boss", roles: ["staff"] };
      const eur = (amount: number) => ({ amount, currency: "EUR" });
      const refund = (orderId: string, cents?: number, idempotencyKey = newId()): Promise<Refund> =>
        shop.broker.call("v1.payments.refund", {
          orderId,
          viewer: staff,
          idempotencyKey,
          ...(cents === undefined ? {} : { amount: eur(cents) }),
          reason: "goodwill",
        });
      const returned = (orderId: string, cents: number, returnId = newId()) =>
        newEnvelope(
          "return.received",
          orderId,
          {
            orderId,
            number: "M-1",
            returnId,
            customer,
            lines: [{ sku: "LAMP", quantity: 1, restock: true }],
            refundAmount: eur(cents),
          },
          new Date().toISOString(),
        ) as Envelope;
      const paidOrder = async (): Promise<string> => {
        const orderId = await actors.orderedWith(CARDS.succeeds);
        await reaches(orderId, "completed");
        return orderId;
      };
      const isPaidBack = (orderId: string, cents: number) =>
        eventually(async () => expect(await actors.rowOf(orderId)).toMatchObject({ refunded: cents, refunding: 0 }));
      const refundEvents = async (orderId: string) =>
        (await sentOf(orderId)).filter(({ type }) => type === "payment.refunded").map(({ data }) => data);

      test("of parts is announced each once, with what has been paid back so far; the last one is full", async () => {
        const orderId = await paidOrder();
        const first = await refund(orderId, 500);
        expect(first).toMatchObject({ orderId, amount: eur(500), status: "pending", reason: "goodwill" });
        await isPaidBack(orderId, 500);
        await reaches(orderId, "completed");
        await expectBooks(orderId, 1_500);
        await refund(orderId);
        await reaches(orderId, "refunded");
        await expectBooks(orderId, 0);
        expect(await refundEvents(orderId)).toMatchObject([
          { refundId: first.id, amount: eur(500), refundedTotal: eur(500), full: false, reason: "goodwill" },
          { amount: eur(1_500), refundedTotal: eur(2_000), full: true },
        ]);
        const seen = await shop.broker.call("v1.payments.getByOrder", { orderId, viewer: staff });
        expect(seen).toMatchObject({
          refunded: eur(2_000),
          refunds: [{ id: first.id, status: "succeeded" }, { amount: eur(1_500) }],
        });
      });

      test("is never more than was captured, however many are asked for at the same moment", async () => {
        const orderId = await paidOrder();
        const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => refund(orderId, 300)));
        const refused = outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => reason);
        expect(refused).toHaveLength(14);
        for (const error of refused) {
          expect(error).toMatchObject({
            type: "REFUND_TOO_LARGE",
            code: 409,
            data: { requested: eur(300), refundable: eur(200) },
          });
        }
        await isPaidBack(orderId, 1_800);
        await expectBooks(orderId, 200);
        expect(await refundEvents(orderId)).toHaveLength(6);
      });

      test("beyond the capture is stopped by the table, too", async () => {
        const orderId = await paidOrder();
        const beyond = actors.db().updateTable("payment").set({ refunding: 2_001 }).where("order_id", "=", orderId);
        await expect(beyond.execute()).rejects.toThrow(/check/i);
      });

      test("with one key is one refund, and its answer stays the same", async () => {
        const orderId = await paidOrder();
        const key = newId();
        const answers = await Promise.all(Array.from({ length: 10 }, () => refund(orderId, 700, key)));
        expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
        await isPaidBack(orderId, 700);
        expect(await refund(orderId, 700, key)).toEqual(answers[0]);
        await expect(refund(orderId, 701, key)).rejects.toMatchObject({ type: "IDEMPOTENCY_KEY_REUSED", code: 422 });
        const other = await paidOrder();
        await expect(refund(other, 700, key)).rejects.toMatchObject({ type: "IDEMPOTENCY_KEY_REUSED" });
        await expectBooks(orderId, 1_300);
        await expectBooks(other, 2_000);
      });

      test("of what was not captured, or is paid back already, is refused", async () => {
        const declined = await actors.orderedWith(CARDS.declined);
        await reaches(declined, "failed");
        await expect(refund(declined, 1)).rejects.toMatchObject({ type: "NOT_REFUNDABLE", data: { status: "failed" } });
        const orderId = await paidOrder();
        await refund(orderId);
        await reaches(orderId, "refunded");
        await expect(refund(orderId)).rejects.toMatchObject({ type: "NOT_REFUNDABLE", data: { status: "refunded" } });
        await expect(refund(newId())).rejects.toMatchObject({ type: "PAYMENT_NOT_FOUND" });
      });

      test("of a part leaves the rest to the cancellation", async () => {
        const orderId = await paidOrder();
        await refund(orderId, 800);
        await happens(cancelled(orderId));
        await reaches(orderId, "refunded");
        await expectBooks(orderId, 0);
        expect(await refundEvents(orderId)).toHaveLength(2);
        await expect(refund(orderId, 1)).rejects.toMatchObject({ type: "NOT_REFUNDABLE" });
      });

      test("goes through once when its answer is lost and its webhook comes three times", async () => {
        restore = actors.replaceProvider((sandbox) => ({
          refund: async (request, signal) => {
            await sandbox.refund(request, signal);
            throw new Error("connection reset");
          },
        }));
        const orderId = await paidOrder();
        const { id } = await refund(orderId, 600);
        const [made] = await eventually(async () => {
          const { refunds } = await atProvider(orderId);
          expect(refunds).toHaveLength(1);
          return refunds;
        });
        const event = {
          id: `evt_${newId()}`,
          type: "refund.succeeded",
          data: { idempotencyKey: made?.idempotency_key, refundId: made?.refund_id },
        };
        const again = { ...event, id: `evt_${newId()}` };
        const answers = await Promise.all([actors.webhook(event), actors.webhook(event), actors.webhook(again)]);
        expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
        await isPaidBack(orderId, 600);
        await actors.noJobsOf(orderId);
        expect(await refundEvents(orderId)).toMatchObject([{ refundId: id }]);
        await expectBooks(orderId, 1_400);
      });

      describe("that the provider refuses", () => {
        const refused = async (status: "refused" | "settled" = "refused"): Promise<RefundCase[]> =>
          ((await shop.broker.call("v1.payments.listRefusedRefunds", { status, limit: 100 })) as { items: RefundCase[] }).items;
        const caseOf = (orderId: string, status?: "refused" | "settled") =>
          eventually(async () => {
            const found = (await refused(status)).find((one) => one.orderId === orderId);
            expect(found).toBeDefined();
            return found as RefundCase;
          });
        const findingsOf = async (orderId: string) =>
          ((await shop.broker.call("v1.payments.findings")) as { items: Finding[] }).items
            .filter((finding) => finding.orderId === orderId)
            .map(({ kind }) => kind);
        const unpaidOrder = async (): Promise<string> => {
          const orderId = await actors.orderedWith(CARDS.refusesRefunds);
          await reaches(orderId, "completed");
          await happens(cancelled(orderId));
          return orderId;
        };
        const wish = (refundId: string) => ({
          refundId,
          actor: "boss",
          method: "bank_transfer",
          reference: "SEPA 17",
          reason: "card is closed",
        });
        const settle = (refundId: string, more: object = {}): Promise<Refund> =>
          shop.broker.call("v1.payments.settleRefund", { ...wish(refundId), ...more });
        const retry = (refundId: string): Promise<Refund> =>
          shop.broker.call("v1.payments.retryRefund", { refundId, actor: "boss", reason: "customer has a new card" });

        test("stays promised, is named, tells its customer once, and is tried no more", async () => {
          const orderId = await unpaidOrder();
          const found = await caseOf(orderId);
          expect(found).toMatchObject({
            amount: eur(2_000),
            code: "card_closed",
            steps: [{ action: "refused", actor: "payments", reason: "card_closed" }],
          });
          await actors.noJobsOf(orderId);
          expect(await findingsOf(orderId)).toEqual(["refund_refused"]);
          expect(await actors.rowOf(orderId)).toMatchObject({ status: "refunding", refunding: 2_000, refunded: 0 });
          await expectBooks(orderId, 2_000);
          const told = (await sentOf(orderId)).filter(({ type }) => type === "refund.refused");
          expect(told).toMatchObject([{ data: { refundId: found.id, customer, amount: eur(2_000), code: "card_closed" } }]);

          await retry(found.id);
          await eventually(async () => expect((await caseOf(orderId)).steps).toHaveLength(3));
          expect((await caseOf(orderId)).steps.map(({ action, actor }) => [action, actor])).toEqual([
            ["refused", "payments"],
            ["retried", "boss"],
            ["refused", "payments"],
          ]);
          await actors.noJobsOf(orderId);
          expect((await sentOf(orderId)).filter(({ type }) => type === "refund.refused")).toHaveLength(1);
        });

        test("goes through when an operator has it tried again and the provider has thought better of it", async () => {
          const orderId = await unpaidOrder();
          const { id } = await caseOf(orderId);
          await actors
            .db()
            .updateTable("sandbox_token")
            .set({ behaviour: "succeeds" })
            .where("behaviour", "=", "refuses_refunds")
            .execute();
          const answers = await Promise.all([retry(id), retry(id), retry(id)]);
          expect(answers.map((answer) => answer.id)).toEqual([id, id, id]);
          await reaches(orderId, "refunded");
          await expectBooks(orderId, 0);
          expect(await findingsOf(orderId)).toEqual([]);
          expect((await atProvider(orderId)).refunds).toHaveLength(1);
          await expect(retry(id)).rejects.toMatchObject({ type: "REFUND_NOT_REFUSED", code: 409 });
          await expect(settle(id)).rejects.toMatchObject({ type: "REFUND_NOT_REFUSED" });
        });

        test("is settled by other means once, however many operators do so at the same moment", async () => {
          const orderId = await unpaidOrder();
          const { id } = await caseOf(orderId);
          const outcomes = await Promise.allSettled([
            settle(id),
            settle(id),
            settle(id, { method: "cheque", reference: "4711" }),
            retry(id),
            settle(id),
          ]);
          const won = outcomes.filter((outcome) => outcome.status === "fulfilled").map(({ value }) => value.status);
          expect(won.length).toBeGreaterThan(0);
          for (const outcome of outcomes)
            if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ type: "REFUND_NOT_REFUSED" });
          // A retry that was first has been refused again by now.
          await eventually(async () => {
            if ((await actors.rowOf(orderId)).status !== "refunded") await settle(id);
          });
          await reaches(orderId, "refunded");
          const entries = await actors
            .db()
            .selectFrom("ledger_entry")
            .selectAll()
            .where("order_id", "=", orderId)
            .where("kind", "=", "refund")
            .execute();
          expect(entries.map(({ account, debit, credit }) => [account, debit, credit]).sort()).toEqual([
            ["bank", 0, 2_000],
            ["order_revenue", 2_000, 0],
          ]);
          const found = await caseOf(orderId, "settled");
          expect(found.steps.filter(({ action }) => action === "settled")).toHaveLength(1);
          expect(await refundEvents(orderId)).toMatchObject([
            { refundId: id, full: true, amount: eur(2_000), method: found.method },
          ]);
          expect(await findingsOf(orderId)).toEqual([]);
          await expect(settle(id, { reference: "another" })).rejects.toMatchObject({ type: "REFUND_NOT_REFUSED" });
          await expect(settle(newId())).rejects.toMatchObject({ type: "REFUND_NOT_FOUND", code: 404 });
        });

        test("by a webhook ends its trying as well, and one of an earlier try changes nothing", async () => {
          restore = actors.replaceProvider(() => ({
            refund: async () => {
              throw new Unavailable("the provider");
            },
          }));
          const orderId = await paidOrder();
          const { id } = await refund(orderId, 300);
          const row = await actors.rowOf(orderId);
          const event = {
            id: `evt_${newId()}`,
            type: "refund.failed",
            data: { idempotencyKey: `${row.id}:refund:${id}`, code: "expired" },
          };
          expect((await actors.webhook(event)).status).toBe(200);
          expect(await caseOf(orderId)).toMatchObject({ id, code: "expired" });
          await actors.noJobsOf(orderId);
          await retry(id);
          expect((await actors.webhook({ ...event, id: `evt_${newId()}` })).status).toBe(200);
          expect((await refused()).filter((one) => one.id === id)).toEqual([]);
        });

        test("is not one that it does not answer, until that has lasted for days; then its key is kept", async () => {
          const keys = new Set<string>();
          let isBack = false;
          restore = actors.replaceProvider((sandbox) => ({
            refund: async (request, signal) => {
              keys.add(request.idempotencyKey);
              if (isBack) return sandbox.refund(request, signal);
              throw new Unavailable("the provider");
            },
          }));
          const orderId = await paidOrder();
          const { id } = await refund(orderId, 300);
          const job = () =>
            actors.db().selectFrom("job").select("attempts").where("aggregate_id", "=", orderId).executeTakeFirst();
          await eventually(
            async () => {
              shop.clock.advance(30_000);
              expect((await job())?.attempts).toBeGreaterThanOrEqual(12);
            },
            { withinMs: 30_000, everyMs: 50 },
          );
          expect((await refused()).filter((one) => one.id === id)).toEqual([]);
          shop.clock.advance(73 * 3_600_000);
          await eventually(async () => {
            shop.clock.advance(60_000);
            expect(await refused()).toContainEqual(expect.objectContaining({ id, code: "UNANSWERED" }));
          });
          isBack = true;
          await retry(id);
          await isPaidBack(orderId, 300);
          expect([...keys].filter((key) => key.includes(id))).toHaveLength(1);
        });
      });

      test("of returned goods is made once per return, and capped by what is left", async () => {
        const orderId = await paidOrder();
        const [one, other, third] = [newId(), newId(), newId()];
        const event = returned(orderId, 1_500, one);
        await happens(event, returned(orderId, 1_500, other));
        await reaches(orderId, "refunded");
        await happens(returned(orderId, 100, third));
        await expectBooks(orderId, 0);
        const settled = (await sentOf(orderId)).filter(({ type }) => type === "return.refunded").map(({ data }) => data);
        expect(new Set(settled)).toEqual(
          new Set([
            { orderId, returnId: one, amount: eur(1_500) },
            { orderId, returnId: other, amount: eur(500) },
            { orderId, returnId: third, amount: eur(0) },
          ]),
        );
        expect(await refundEvents(orderId)).toHaveLength(2);
      });

      test("of returned goods waits for a payment whose capture is not known here yet", async () => {
        const orderId = newId();
        const event = returned(orderId, 100);
        await actors.publish(event);
        await eventually(async () => {
          const row = await actors
            .db()
            .selectFrom("inbox")
            .selectAll()
            .where("event_id", "=", event.id)
            .executeTakeFirstOrThrow();
          expect(row).toMatchObject({ status: "failed", error_code: "NOT_CAPTURED_YET" });
        });
        await happens(created(orderId, await tokenFor(CARDS.succeeds)), reserved(orderId));
        await reaches(orderId, "completed");
        await actors.processed(event);
        await isPaidBack(orderId, 100);
      });
    });

    describe("the reconciliation", () => {
      const findings = async (orderId: string) => {
        const { items } = (await shop.broker.call("v1.payments.findings", {})) as { items: Finding[] };
        return items.filter((item) => item.orderId === orderId);
      };
      const asIf = (orderId: string, row: object) => {
        const update = actors
          .db()
          .updateTable("payment")
          .set({ ...row, reconciled_at: null });
        return update.where("order_id", "=", orderId).execute();
      };
      const forget = (orderId: string) => actors.db().deleteFrom("job").where("aggregate_id", "=", orderId).execute();
      /** Past the quiet time, and the next round. */
      const later = () => shop.clock.advance(600_000);

      test("finds nothing wrong with payments that agree with the provider, and asks once", async () => {
        const orderId = await actors.orderedWith(CARDS.succeeds);
        await reaches(orderId, "completed");
        later();
        await eventually(async () => expect((await actors.rowOf(orderId)).reconciled_at).not.toBeNull());
        expect(await findings(orderId)).toEqual([]);
      });

      test("takes over a charge that was given up here, and pays it back", async () => {
        const orderId = await actors.orderedWith(CARDS.succeeds);
        await reaches(orderId, "completed");
        // As if the provider's word had been lost, and the cancellation had found a charge that nobody knew of.
        await actors.db().deleteFrom("ledger_entry").where("order_id", "=", orderId).execute();
        await asIf(orderId, { status: "voided", charge_result: "none", charge_id: null, captured: 0, cancel_requested: true });
        later();
        await reaches(orderId, "refunded");
        await expectBooks(orderId, 0);
      });

      test("names a payment that the provider knows nothing of, until they agree", async () => {
        const orderId = await actors.orderedWith(CARDS.succeeds);
        const { charge_id } = await reaches(orderId, "completed");
        await asIf(orderId, { charge_id: "ch_unheard_of" });
        later();
        const [finding] = await eventually(async () => {
          const found = await findings(orderId);
          expect(found).toHaveLength(1);
          return found;
        });
        expect(finding).toMatchObject({ kind: "charge_unknown", detail: expect.stringContaining("succeeded") });
        await asIf(orderId, { charge_id });
        later();
        await eventually(async () => expect(await findings(orderId)).toEqual([]));
      });

      test("puts a charge and a refund on their way whose jobs are lost, and names them while they are stuck", async () => {
        let away = true;
        restore = actors.replaceProvider((sandbox) => ({
          charge: (request, signal) => (away ? Promise.reject(new Error("connection refused")) : sandbox.charge(request, signal)),
          refund: (request, signal) => (away ? Promise.reject(new Error("connection refused")) : sandbox.refund(request, signal)),
        }));
        const charging = await actors.orderedWith(CARDS.succeeds);
        await forget(charging);
        away = false;
        const refunding = await actors.orderedWith(CARDS.succeeds);
        await reaches(refunding, "completed");
        away = true;
        await happens(cancelled(refunding));
        await forget(refunding);
        later();
        await eventually(async () => {
          expect(await findings(charging)).toMatchObject([{ kind: "charge_stuck" }]);
          expect(await findings(refunding)).toMatchObject([{ kind: "refund_stuck" }]);
        });
        away = false;
        later();
        await reaches(charging, "completed");
        await reaches(refunding, "refunded");
        later();
        await eventually(async () => {
          expect(await findings(charging)).toEqual([]);
          expect(await findings(refunding)).toEqual([]);
        });
        await expectBooks(charging, 2_000);
        await expectBooks(refunding, 0);
      });
    });

    test("the books balance over all payments", async () => {
      const { debit, credit } = await actors
        .db()
        .selectFrom("ledger_entry")
        .select([
          sql<number>`cast(coalesce(sum(debit), 0) as bigint)`.as("debit"),
          sql<number>`cast(coalesce(sum(credit), 0) as bigint)`.as("credit"),
        ])
        .executeTakeFirstOrThrow();
      expect(debit).toBeGreaterThan(0);
      expect(debit).toBe(credit);
    });
  });
}

describe("The payments listener", () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await startShop({ DATA_DIR: temporaryDataDir(), PAYMENTS_CORS_ORIGINS: "https://shop.example,http://localhost:5173" });
  });
  afterAll(async () => {
    await shop?.broker.stop();
    removeDataDirs();
  });

  const problemOf = async (response: Response) => {
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    const problem = (await response.json()) as Record<string, unknown>;
    expect(problem).toMatchObject({
      type: `urn:molecart:problem:${String(problem.code).toLowerCase().replaceAll("_", "-")}`,
      status: response.status,
      requestId: response.headers.get("x-request-id"),
    });
    expect(Object.keys(problem).sort()).toEqual(["code", "detail", "errors", "requestId", "status", "title", "type"]);
    return problem;
  };

  test("answers a token for a card", async () => {
    const response = await post(`${shop.url}/tokens`, { ...cardOf("3782 822463 10005"), cvc: "1234" });
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({
      token: expect.stringMatching(/^tok_.{43}$/),
      card: { brand: "amex", last4: "0005" },
      expiresAt: expect.any(String),
    });
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("set-cookie")).toBeNull();
  });

  test.each([
    ["a number that fails its check", { number: "4242424242424241" }, "INVALID_CARD", ["number"]],
    ["a date in the past", { expYear: 2020 }, "INVALID_CARD", ["expYear"]],
    ["a code of the wrong length", { cvc: "1234" }, "INVALID_CARD", ["cvc"]],
    ["a card that is none of the sandbox's", { number: "4111111111111111" }, "CARD_NOT_SUPPORTED", ["number"]],
    ["letters for a number", { number: "4242abcd42424242" }, "VALIDATION_FAILED", ["number"]],
    ["fields missing and too many", { cvc: undefined, pin: "0000" }, "VALIDATION_FAILED", ["cvc", "pin"]],
  ])("refuses %s, and names the field without the number", async (_, changes, code, paths) => {
    const card = { ...cardOf(CARDS.succeeds), ...changes };
    const response = await post(`${shop.url}/tokens`, card);
    const text = await response.clone().text();
    expect(response.status).toBe(422);
    const problem = await problemOf(response);
    expect(problem.code).toBe(code);
    expect((problem.errors as { path: string }[]).map(({ path }) => path).sort()).toEqual(paths);
    expect(text).not.toContain(card.number);
  });

  test("never repeats a body that it cannot read", async () => {
    const response = await post(`${shop.url}/tokens`, '{"number":4242424242424242 "cvc"}');
    const text = await response.clone().text();
    expect(await problemOf(response)).toMatchObject({ status: 400, code: "MALFORMED_JSON" });
    expect(text).not.toContain("4242");
  });

  test("takes JSON only, and at most 10 kB of it", async () => {
    const typed = await post(`${shop.url}/tokens`, "{}", { "content-type": "text/plain" });
    expect(await problemOf(typed)).toMatchObject({ status: 415, code: "UNSUPPORTED_MEDIA_TYPE" });

    const large = await post(`${shop.url}/tokens`, { ...cardOf(CARDS.succeeds), more: "x".repeat(10_000) });
    expect(await problemOf(large)).toMatchObject({ status: 413, code: "BODY_TOO_LARGE" });

    const chunks = Array.from({ length: 12 }, () => Buffer.alloc(1_000, "x"));
    const streamed = await fetch(`${shop.url}/tokens`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: ReadableStream.from(chunks),
      duplex: "half",
      signal: AbortSignal.timeout(5_000),
    } as RequestInit);
    expect(await problemOf(streamed)).toMatchObject({ status: 413, code: "BODY_TOO_LARGE" });
  });

  test("says what is not there and what is not allowed", async () => {
    expect(await problemOf(await fetch(`${shop.url}/cards`))).toMatchObject({ status: 404, code: "NOT_FOUND" });
    const wrongMethod = await fetch(`${shop.url}/tokens`);
    expect(wrongMethod.headers.get("allow")).toBe("POST");
    expect(await problemOf(wrongMethod)).toMatchObject({ status: 405, code: "METHOD_NOT_ALLOWED" });
  });

  test("takes over a request id, and gives one where there is none or it could be a card", async () => {
    const idFor = async (given?: string) => {
      const response = await fetch(`${shop.url}/health/live`, { headers: given === undefined ? {} : { "x-request-id": given } });
      return response.headers.get("x-request-id");
    };
    expect(await idFor("checkout-1")).toBe("checkout-1");
    expect(await idFor()).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idFor("4242424242424242")).not.toContain("4242");
    expect(await idFor("two words")).not.toContain(" ");
  });

  test("answers what is not HTTP with a problem too", async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      let text = "";
      const socket = connect(Number(new URL(shop.url).port), "127.0.0.1", () => socket.write("GET tokens\r\n\r\n"));
      socket.setEncoding("utf8").on("data", (part) => {
        text += part;
      });
      socket.on("close", () => resolve(text)).on("error", reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toMatch(/\r\nX-Request-Id: [0-9a-f-]{36}\r\n/);
    expect(answer).toContain('"code":"MALFORMED_REQUEST"');
  });

  test("lets browsers of the listed origins get tokens, and nothing else", async () => {
    const preflight = (path: string, origin: string) =>
      fetch(`${shop.url}${path}`, { method: "OPTIONS", headers: { origin, "access-control-request-method": "POST" } });
    const allowed = await preflight("/tokens", "https://shop.example");
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://shop.example");
    expect(allowed.headers.get("access-control-allow-headers")).toContain("Content-Type");
    expect(allowed.headers.get("access-control-allow-credentials")).toBeNull();
    expect((await preflight("/tokens", "https://evil.example")).headers.get("access-control-allow-origin")).toBeNull();
    expect((await preflight("/webhooks/sandbox", "https://shop.example")).status).toBe(405);

    const refused = await post(`${shop.url}/tokens`, {}, { origin: "https://shop.example" });
    expect(refused.status).toBe(422);
    expect(refused.headers.get("access-control-allow-origin")).toBe("https://shop.example");
    expect(refused.headers.get("vary")).toBe("Origin");
  });

  test("says whether it lives and whether it is ready", async () => {
    expect(await (await fetch(`${shop.url}/health/live`)).json()).toEqual({ status: "ok" });
    const ready = await fetch(`${shop.url}/health/ready`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({ status: "ok", checks: { "payments database": { status: "ok" } } });

    const service = shop.service as unknown as { healthChecks: Record<string, () => Promise<void>> };
    const healthy = service.healthChecks;
    service.healthChecks = { ...healthy, "payments database": () => Promise.reject(new Error("secret-host is gone")) };
    const unready = await fetch(`${shop.url}/health/ready`);
    service.healthChecks = healthy;
    expect(unready.status).toBe(503);
    expect(await unready.clone().text()).not.toContain("secret-host");
    expect(await unready.json()).toMatchObject({
      status: "unavailable",
      checks: { "payments database": { status: "failed" } },
    });
  });

  test("refuses a port that is taken, by the setting's name", async () => {
    const port = new URL(shop.url).port;
    await expect(startShop({ DATA_DIR: temporaryDataDir(), PAYMENTS_PORT: port })).rejects.toThrow(
      `PAYMENTS_PORT: port ${port} on 127.0.0.1 is in use`,
    );
  });
});

describe("A card's number", () => {
  const filesOf = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) => join(folder, file));

  test("is found neither in any file nor in the log, and the token not in the log", async () => {
    const dataDir = temporaryDataDir();
    const shop = await startShop({ DATA_DIR: dataDir });
    const actors = actorsOn(() => shop);
    const tokens: string[] = [];
    const orders: string[] = [];
    try {
      for (const card of Object.values(CARDS)) {
        const token = await actors.tokenFor(card);
        const orderId = newId();
        tokens.push(token);
        orders.push(orderId);
        await actors.happens(actors.created(orderId, token), actors.reserved(orderId));
      }
      for (const number of ["4111111111111111", "4242424242424241"]) await post(`${shop.url}/tokens`, cardOf(number));
      await post(`${shop.url}/tokens`, `{"number":"${CARDS.succeeds}"`);
      await Promise.all(
        orders.map((orderId) =>
          eventually(async () => expect(["completed", "failed"]).toContain((await actors.rowOf(orderId)).status)),
        ),
      );
    } finally {
      await shop.broker.stop();
    }

    const files = filesOf(dataDir).filter((file) => statSync(file).isFile());
    expect(files.map((file) => file.replace(dataDir, ""))).toEqual(expect.arrayContaining(["/payments.db", "/events.db"]));
    const log = shop.log.join("");
    expect(log).toContain("Payments listener is open");
    for (const number of [...Object.values(CARDS), "4111111111111111", "4242424242424241"]) {
      for (const file of files) expect(readFileSync(file).includes(number)).toBe(false);
      expect(log).not.toContain(number);
    }
    for (const token of tokens) expect(log).not.toContain(token);
    // The search finds what is there.
    const database = readFileSync(files.find((file) => file.endsWith("/payments.db")) as string);
    expect(database.includes("times_out_after_charging")).toBe(true);
    removeDataDirs();
  });
});

describe("The sandbox's webhook secret", () => {
  test("is made at the first start, for its owner's eyes, and kept", async () => {
    const env = { DATA_DIR: temporaryDataDir(), PAYMENTS_SANDBOX_WEBHOOK_SECRET: "" };
    const file = join(env.DATA_DIR, "payments-sandbox-webhook.secret");
    const secrets: string[] = [];
    for (let start = 0; start < 2; start++) {
      const shop = await startShop(env);
      secrets.push(readFileSync(file, "utf8"));
      const body = JSON.stringify({ id: `evt_${start}`, type: "ping" });
      const signature = sign(secrets[start] as string, Buffer.from(body), Math.floor(Date.now() / 1000));
      const answer = await post(`${shop.url}/webhooks/sandbox`, body, { "x-sandbox-signature": signature });
      await shop.broker.stop();
      expect(answer.status).toBe(200);
    }
    expect(secrets[0]).toMatch(/^.{43}$/);
    expect(secrets[1]).toBe(secrets[0]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    removeDataDirs();
  });
});

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { EventData } from "@molecart/mixins/contracts/index.ts";
import type { Notification, Preferences } from "@molecart/mixins/contracts/notifications.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import type { Environment } from "@molecart/mixins/lib/config.ts";
import { Refusal } from "@molecart/mixins/lib/errors.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { type DurableService, deliver } from "@molecart/mixins/middlewares/durable-events.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import type { ServiceBroker } from "moleculer";
import { SMTPServer } from "smtp-server";
import type { NotificationStore } from "../../services/notifications/notification.operations.ts";
import { queueIn } from "../../services/notifications/notification.repository.ts";
import { DEFAULT_PREFERENCES, notificationsOf, type Occurrence } from "../../services/notifications/notification.ts";
import type { NotifiedEvent } from "../../services/notifications/templates.ts";
import { documentStores, mongoSettings } from "../support/document-stores.ts";
import { eventually, waitFor } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { startNats } from "../support/servers/nats.ts";

jest.setTimeout(60_000);

const HOUR_MS = 3_600_000;
const eur = (amount: number) => ({ amount, currency: "EUR" });
const ada = { id: "u-ada", email: "ada@example.com", name: "Ada Lovelace" };

const order = (orderId: string, number = "M-7K2P-9QXD") => ({
  orderId,
  number,
  customer: ada,
  lines: [{ sku: "LAMP-1", productId: "p-1", name: "Desk lamp", quantity: 2, unitPrice: eur(4500), total: eur(9000) }],
  totals: { items: eur(9000), shipping: eur(490), tax: eur(1803), total: eur(11293) },
});
const parcel = (orderId: string) => ({
  orderId,
  number: "M-7K2P-9QXD",
  shipmentId: `s-${orderId}`,
  carrier: "Swift Parcel",
  trackingNumber: "SP123",
  customer: ada,
  at: "2031-05-06T07:08:09.000Z",
});
const returned = (orderId: string) => ({ orderId, number: "M-7K2P-9QXD", returnId: "r-1", customer: ada });
const shippingAddress = { name: "Ada Lovelace", line1: "12 Analytical Row", city: "London", postalCode: "N1", country: "GB" };

const event = <N extends NotifiedEvent>(type: N, data: EventData<N>): Envelope =>
  newEnvelope(type, "o-1", data, new Date().toISOString()) as Envelope;

const registered = () => event("user.registered", { customer: ada });
const received = (orderId: string) => event("order.created", { ...order(orderId), shippingAddress, paymentToken: "tok_1" });
const everyEvent = (orderId: string): Envelope[] => [
  registered(),
  received(orderId),
  event("payment.completed", {
    orderId,
    number: "M-7K2P-9QXD",
    paymentId: "p-1",
    amount: eur(11293),
    card: { brand: "Visa", last4: "4242" },
    customer: ada,
  }),
  event("order.cancelled", { ...order(orderId), reason: "payment_overdue" }),
  event("shipment.dispatched", parcel(orderId)),
  event("shipment.delivered", parcel(orderId)),
  event("payment.refunded", {
    orderId,
    number: "M-7K2P-9QXD",
    refundedTotal: eur(11293),
    full: true,
    paymentId: "p-1",
    refundId: "r-1",
    amount: eur(11293),
    customer: ada,
    reason: "payment_overdue",
  }),
  event("return.received", {
    ...returned(orderId),
    lines: [{ sku: "LAMP-1", quantity: 1, restock: true }],
    refundAmount: eur(5_000),
  }),
  event("return.rejected", { ...returned(orderId), reason: "It has been used" }),
  event("password.changed", { customer: ada, by: "owner" }),
];
const EVERY_TEMPLATE = [
  "order-cancelled",
  "order-confirmation",
  "password-changed",
  "payment-receipt",
  "refund",
  "return-received",
  "return-rejected",
  "shipment-delivered",
  "shipment-dispatched",
  "welcome",
];

let dataDir: string;
let clock: ManualClock;
/** Which store; the embedded one unless a suite says otherwise. */
let storeEnv: Environment;
const brokers: ServiceBroker[] = [];
const servers: MailServer[] = [];

const start = async (env: Environment = {}): Promise<ServiceBroker> => {
  const broker = await createBroker(["notifications"], {
    env: { DATA_DIR: dataDir, LOG_LEVEL: "fatal", ...storeEnv, ...env },
    clock,
  });
  brokers.push(broker);
  await broker.start();
  return broker;
};
const stop = async (broker: ServiceBroker): Promise<void> => {
  brokers.splice(brokers.indexOf(broker), 1);
  await broker.stop();
};
const publish = (broker: ServiceBroker, ...envelopes: Envelope[]): Promise<void> => runtimeOf(broker).bus.publish(envelopes);
/** Past the bus, as a delivery that the bus hands out again. */
const redeliver = (broker: ServiceBroker, envelope: Envelope) =>
  deliver(broker.getLocalService("v1.notifications") as DurableService, envelope);

const list = async (broker: ServiceBroker, userId = ada.id, limit = 100): Promise<Notification[]> =>
  (await broker.call<{ items: Notification[] }, object>("v1.notifications.list", { userId, limit })).items;
const listed = (broker: ServiceBroker, check: (items: Notification[]) => void): Promise<Notification[]> =>
  eventually(async () => {
    const items = await list(broker);
    check(items);
    return items;
  });
const allSent = (count: number) => (items: Notification[]) =>
  expect(items.map(({ status }) => status)).toEqual(Array(count).fill("sent"));

interface ReceivedMail {
  to: string[];
  source: string;
}

/** A real mail server on loopback that keeps what it takes and behaves as it is told. */
class MailServer {
  readonly mails: ReceivedMail[] = [];
  /** How it ends the next messages; afterwards it accepts. `lose answer`: takes the message, then the connection
   *  breaks. `hang`: takes it and never answers. */
  readonly plan: ("refuse" | "lose answer" | "hang")[] = [];
  readonly #server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS", "AUTH"],
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const step = this.plan.shift();
        if (step === "refuse") return done(Object.assign(new Error("Try later"), { responseCode: 451 }));
        this.mails.push({
          to: session.envelope.rcptTo.map(({ address }) => address),
          source: Buffer.concat(chunks).toString(),
        });
        if (step === "hang") return;
        if (step === "lose answer") return this.cutConnections();
        return done();
      });
    },
  });

  async listen(port = 0): Promise<string> {
    this.#server.on("error", () => {});
    await new Promise<void>((resolve, reject) => {
      this.#server.server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", resolve);
    });
    servers.push(this);
    return `smtp://127.0.0.1:${(this.#server.server.address() as AddressInfo).port}`;
  }
  cutConnections(): void {
    for (const connection of this.#server.connections) connection._socket.destroy();
  }
  close(): Promise<void> {
    this.cutConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
const messageIdOf = ({ source }: ReceivedMail): string | undefined => /^Message-ID: (.+?)\r?$/im.exec(source)?.[1];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "molecart-notifications-"));
  clock = new ManualClock();
  storeEnv = {};
});
afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await rm(dataDir, { recursive: true, force: true });
});

for (const { store, servers: needed, settings } of documentStores) {
  describeWith(needed, `Notifications on ${store}`, () => {
    beforeEach(() => {
      storeEnv = settings("notifications");
    });

    describe("a customer", () => {
      test("is told of every event exactly once, although every event comes more than once", async () => {
        const broker = await start();
        const events = everyEvent("o-1");
        await publish(broker, ...events, ...events);
        await listed(broker, allSent(events.length));
        const again = await Promise.all(events.flatMap((envelope) => [redeliver(broker, envelope), redeliver(broker, envelope)]));
        expect(new Set(again)).toEqual(new Set(["duplicate"]));
        const items = await list(broker);
        expect(items.map(({ template }) => template).sort()).toEqual(EVERY_TEMPLATE);
        expect(await readdir(join(dataDir, "mail"))).toHaveLength(events.length);
      });

      test("gets one notification when two copies of an event are handled at the same moment", async () => {
        const broker = await start();
        const envelope = received("o-1");
        await Promise.all([redeliver(broker, envelope), redeliver(broker, envelope), redeliver(broker, envelope)]);
        await listed(broker, allSent(1));
      });

      test("finds the order's number in every message, whichever event of the order comes first", async () => {
        const broker = await start();
        await publish(broker, event("shipment.dispatched", parcel("o-1")));
        const [item] = await listed(broker, (all) => expect(all).toHaveLength(1));
        expect(item?.subject).toBe("On its way: your order M-7K2P-9QXD");
      });

      test("lists only his own notifications, newest first, page by page", async () => {
        const broker = await start();
        for (const orderId of ["o-1", "o-2", "o-3", "o-4", "o-5"]) {
          await publish(broker, received(orderId));
          await listed(broker, (items) => expect(items.some((item) => item.orderId === orderId)).toBe(true));
          // The first three at the same millisecond: the order of equals must not lose any of them at a page's end.
          if (orderId >= "o-3") clock.advance(1);
        }
        await publish(broker, event("user.registered", { customer: { ...ada, id: "u-bob" } }));
        await eventually(async () => expect(await list(broker, "u-bob")).toHaveLength(1));

        const pages: Notification[][] = [];
        let cursor: string | undefined;
        do {
          const params = { userId: ada.id, limit: 2, ...(cursor === undefined ? {} : { cursor }) };
          const page = await broker.call<{ items: Notification[]; nextCursor: string | null }, object>(
            "v1.notifications.list",
            params,
          );
          pages.push(page.items);
          cursor = page.nextCursor ?? undefined;
        } while (cursor !== undefined);

        expect(pages.map((items) => items.length)).toEqual([2, 2, 1]);
        const orderIds = pages.flat().map(({ orderId }) => orderId);
        expect(orderIds.slice(0, 2)).toEqual(["o-5", "o-4"]);
        expect(orderIds.slice(2).sort()).toEqual(["o-1", "o-2", "o-3"]);
        expect(await list(broker, "u-nobody")).toEqual([]);
        await expect(broker.call("v1.notifications.list", { userId: ada.id, cursor: "nonsense" })).rejects.toMatchObject({
          type: "INVALID_CURSOR",
        });
      });
    });

    describe("preferences", () => {
      const quiet: Preferences = { email: { shipping: false, account: false } };

      test("everything is on until switched off, and stays as set over a restart", async () => {
        const first = await start();
        expect(await first.call("v1.notifications.getPreferences", { userId: ada.id })).toEqual({
          email: { shipping: true, account: true },
        });
        for (const repeat of [1, 2]) {
          const answer = await first.call("v1.notifications.setPreferences", { userId: ada.id, preferences: quiet });
          expect({ repeat, answer }).toEqual({ repeat, answer: quiet });
        }
        await stop(first);
        const second = await start();
        expect(await second.call("v1.notifications.getPreferences", { userId: ada.id })).toEqual(quiet);
        expect(await second.call("v1.notifications.getPreferences", { userId: "u-bob" })).not.toEqual(quiet);
      });

      test("what is not wanted is recorded and never sent; what is owed is sent all the same", async () => {
        const broker = await start();
        await broker.call("v1.notifications.setPreferences", { userId: ada.id, preferences: quiet });
        await publish(broker, ...everyEvent("o-1"));
        const items = await listed(broker, (all) => {
          expect(all).toHaveLength(EVERY_TEMPLATE.length);
          expect(all.filter(({ status }) => status === "sent")).toHaveLength(7);
        });
        const suppressed = items.filter(({ status }) => status === "suppressed");
        expect(suppressed.map(({ template }) => template).sort()).toEqual([
          "shipment-delivered",
          "shipment-dispatched",
          "welcome",
        ]);
        expect(suppressed.map(({ sentAt }) => sentAt)).toEqual([null, null, null]);
        expect(await readdir(join(dataDir, "mail"))).toHaveLength(7);
      });
    });

    describe("the queue", () => {
      const inStore = async (count: number) => {
        const broker = await start();
        const service = broker.getLocalService("v1.notifications") as unknown as NotificationStore;
        const events = Array.from({ length: count }, (_, index) => received(`o-${index}`));
        // Due when the service's own sender is not looking.
        const now = clock.now() + HOUR_MS;
        const circumstances = { preferences: DEFAULT_PREFERENCES, shop: "Molecart", now };
        for (const { id, data } of events) {
          const occurrence = { id, type: "order.created", data } as Occurrence;
          await service.documents.insertMany(notificationsOf(occurrence, circumstances));
        }
        return { queue: queueIn(service.documents), other: queueIn(service.documents), documents: service.documents, now };
      };

      test("gives each notification to one of the senders that ask at the same moment", async () => {
        const { queue, other, now } = await inStore(20);
        const claims = await Promise.all([queue, other, queue, other].map((one) => one.claim(now, now + 60_000, 20)));
        const ids = claims.flat().map(({ _id }) => _id);
        expect(ids).toHaveLength(20);
        expect(new Set(ids).size).toBe(20);
        expect(claims.flat().every(({ attempts, nextAttemptAt }) => attempts === 1 && nextAttemptAt === now + 60_000)).toBe(true);
      });

      test("gives it to another one when the lease is over; what the first one says of its failure then counts no more", async () => {
        const { queue, other, documents, now } = await inStore(1);
        const [first] = await queue.claim(now, now + 60_000, 1);
        expect(await other.claim(now + 59_999, now + 120_000, 1)).toEqual([]);
        const [second] = await other.claim(now + 60_000, now + 120_000, 1);
        expect(second).toMatchObject({ _id: first!._id, attempts: 2, firstAttemptAt: now, nextAttemptAt: now + 120_000 });
        await queue.setFailure(first!, { status: "failed" }, "too late");
        expect(await documents.get(first!._id)).toMatchObject({ status: "queued", lastError: null });
        // Handed over is handed over, whoever did it.
        await queue.setSent(first!, now);
        await other.setFailure(second!, { status: "failed" }, "no");
        expect(await documents.get(first!._id)).toMatchObject({ status: "sent", lastError: null });
        expect(await other.claim(now + HOUR_MS, now + HOUR_MS, 1)).toEqual([]);
      });

      test("keeps it from a sender that has seen it when it was just being claimed", async () => {
        const { queue, documents, now } = await inStore(1);
        const inHand = await queue.claim(now, now + 60_000, 1);
        expect(inHand).toHaveLength(1);
        const late = { find: async () => inHand, updateOne: documents.updateOne.bind(documents) } as unknown as typeof documents;
        expect(await queueIn(late).claim(now, now + 60_000, 1)).toEqual([]);
      });
    });
  });
}

describeWith(["mongo", "nats"], "Brokers with one queue of notifications", () => {
  test("send each message once between them", async () => {
    const nats = await startNats({ jetstream: true });
    try {
      const shared = {
        ...mongoSettings("notifications"),
        NATS_URL: nats.url,
        NAMESPACE: `test-${newId()}`,
        NOTIFICATIONS_TRANSPORT: "files",
      };
      const folders = ["one", "two"].map((name) => join(dataDir, name));
      const [first] = await Promise.all(folders.map((folder) => start({ ...shared, NODE_ID: folder, DATA_DIR: folder })));
      const events = Array.from({ length: 100 }, (_, i) => received(`o-${i}`));
      for (let i = 0; i < events.length; i += 5) await publish(first!, ...events.slice(i, i + 5));
      await listed(first!, allSent(events.length));
      const sent = await Promise.all(folders.map((folder) => readdir(join(folder, "mail")).catch(() => [])));
      expect(sent.flat()).toHaveLength(events.length);
      expect(new Set(sent.flat()).size).toBe(events.length);
    } finally {
      await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
      await nats.stop();
    }
  });
});

describe("without a mail server", () => {
  test("an e-mail becomes a file that mail programs open, named by its notification", async () => {
    const broker = await start();
    await publish(broker, received("o-1"));
    const [item] = await listed(broker, allSent(1));
    const source = await readFile(join(dataDir, "mail", `${item!.id}.eml`), "utf8");
    expect(await readdir(join(dataDir, "mail"))).toEqual([`${item!.id}.eml`]);
    expect(source).toContain(`Message-ID: <${item!.id}@localhost>\r\n`);
    expect(source).toContain("To: ada@example.com\r\n");
    expect(source).toContain("Subject: We have received your order M-7K2P-9QXD\r\n");
    expect(source).toContain("112.93 EUR");
    expect(item!.body).toContain("112.93 EUR");
  });
});

describe("with a mail server", () => {
  test("e-mail reaches the recipient's address", async () => {
    const server = new MailServer();
    const broker = await start({ SMTP_URL: await server.listen(), NOTIFICATIONS_FROM: "The Shop <shop@example.com>" });
    await publish(broker, ...everyEvent("o-1"));
    const items = await listed(broker, allSent(EVERY_TEMPLATE.length));
    expect(server.mails.map(({ to }) => to)).toEqual(Array(EVERY_TEMPLATE.length).fill(["ada@example.com"]));
    expect(server.mails.map(messageIdOf).sort()).toEqual(items.map(({ id }) => `<${id}@example.com>`).sort());
    expect(server.mails[0]!.source).toContain("From: The Shop <shop@example.com>");
  });

  describe("a link to a new password", () => {
    const TOKEN = "a-token-that-nobody-could-guess-0123456789x";
    const forgotten = () =>
      event("password.forgotten", { customer: ada, resetId: "reset-1", expiresAt: "2031-05-06T07:38:09.000Z" });
    /** users, as the test plays it. */
    const withUsers = async (broker: ServiceBroker, issue: () => { token: string }): Promise<unknown[]> => {
      const asked: unknown[] = [];
      const issueResetToken = (ctx: { params: unknown }) => {
        asked.push(ctx.params);
        return issue();
      };
      const service = broker.createService({ name: "users", version: 1, actions: { issueResetToken } });
      await service.waitForServices([{ name: "users", version: 1 }]);
      return asked;
    };
    const stored = () => readFile(join(dataDir, "notifications.nedb"), "utf8");
    /** Quoted-printable, read. */
    const read = ({ source }: ReceivedMail) => source.replace(/=\r\n/g, "").replaceAll("=3D", "=");

    test("is in the mail, in text and HTML, and neither in the store nor in the list", async () => {
      const server = new MailServer();
      const broker = await start({ SMTP_URL: await server.listen(), SHOP_URL: "https://shop.example" });
      const asked = await withUsers(broker, () => ({ token: TOKEN }));
      await publish(broker, forgotten());
      const [item] = await listed(broker, allSent(1));
      expect(asked).toEqual([{ resetId: "reset-1" }]);
      expect(read(server.mails[0]!).split(`https://shop.example/reset-password#token=${TOKEN}`)).toHaveLength(3);
      expect(item).toMatchObject({
        template: "password-reset",
        body: expect.stringContaining("The link is in the e-mail only."),
      });
      expect(await stored()).not.toContain(TOKEN);
      expect(JSON.stringify(item)).not.toContain("{{");
    });

    test("waits for users when that is away, and is the same when the mail is repeated", async () => {
      const server = new MailServer();
      server.plan.push("lose answer");
      const broker = await start({ SMTP_URL: await server.listen() });
      await publish(broker, forgotten());
      await eventually(async () => expect((await list(broker)).map(({ status }) => status)).toEqual(["queued"]));
      await eventually(async () => expect(await stored()).toContain('"attempts":1'));
      expect(server.mails).toEqual([]);
      await withUsers(broker, () => ({ token: TOKEN }));
      await eventually(async () => {
        clock.advance(1_000);
        allSent(1)(await list(broker));
      });
      expect(server.mails).toHaveLength(2);
      for (const mail of server.mails) expect(read(mail)).toContain(`#token=${TOKEN}`);
    });

    test("that has expired or was replaced before it could be sent is not sent any more, and needs no operator", async () => {
      const server = new MailServer();
      const broker = await start({ SMTP_URL: await server.listen() });
      await withUsers(broker, () => {
        throw new Refusal("INVALID_RESET_TOKEN", 400, "The token has expired");
      });
      await publish(broker, forgotten());
      await listed(broker, (items) => expect(items.map(({ status }) => status)).toEqual(["suppressed"]));
      expect(server.mails).toEqual([]);
    });
  });

  test("what it refuses for now is sent later", async () => {
    const server = new MailServer();
    server.plan.push("refuse", "refuse", "refuse");
    const broker = await start({ SMTP_URL: await server.listen() });
    await publish(broker, received("o-1"));
    await eventually(async () => {
      clock.advance(1_000);
      allSent(1)(await list(broker));
    });
    expect(server.plan).toEqual([]);
    expect(server.mails).toHaveLength(1);
  });

  test("a message whose answer was lost comes again with the same Message-ID", async () => {
    const server = new MailServer();
    server.plan.push("lose answer");
    const broker = await start({ SMTP_URL: await server.listen() });
    await publish(broker, received("o-1"));
    await eventually(async () => {
      clock.advance(1_000);
      allSent(1)(await list(broker));
    });
    expect(server.mails).toHaveLength(2);
    expect(new Set(server.mails.map(messageIdOf)).size).toBe(1);
  });

  test("what could not be sent for a day is given up and says so", async () => {
    const server = new MailServer();
    const url = await server.listen();
    await server.close();
    const broker = await start({ SMTP_URL: url });
    await publish(broker, received("o-1"));
    await eventually(async () => {
      clock.advance(HOUR_MS);
      expect((await list(broker)).map(({ status }) => status)).toEqual(["failed"]);
    });
  });

  test("nothing is lost when the mail server is down and the shop restarts meanwhile", async () => {
    const down = new MailServer();
    const url = await down.listen();
    await down.close();
    const first = await start({ SMTP_URL: url });
    const events = everyEvent("o-1");
    await publish(first, ...events.slice(0, 5));
    await listed(first, (items) => expect(items.map(({ status }) => status)).toEqual(Array(5).fill("queued")));
    // The others are published and not waited for: the stop may come before, between or after their handlers.
    await publish(first, ...events.slice(5));
    await stop(first);

    const up = new MailServer();
    await up.listen(Number(new URL(url).port));
    const second = await start({ SMTP_URL: url });
    await eventually(async () => {
      clock.advance(1_000);
      allSent(EVERY_TEMPLATE.length)(await list(second));
    });
    expect(up.mails).toHaveLength(EVERY_TEMPLATE.length);
    expect(new Set(up.mails.map(messageIdOf)).size).toBe(EVERY_TEMPLATE.length);
  });

  test("a shutdown does not wait for a mail server that hangs", async () => {
    const server = new MailServer();
    server.plan.push("hang");
    const broker = await start({ SMTP_URL: await server.listen() });
    await publish(broker, received("o-1"));
    await waitFor(() => server.mails.length === 1);
    await stop(broker);
    const second = await start();
    await eventually(async () => {
      clock.advance(1_000);
      allSent(1)(await list(second));
    });
  });
});

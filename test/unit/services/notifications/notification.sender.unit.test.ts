import { afterEach, describe, expect, test } from "@jest/globals";
import { isoTime, ManualClock } from "@molecart/mixins/lib/clock.ts";
import { Unavailable } from "@molecart/mixins/lib/errors.ts";
import type { ChannelAdapter } from "../../../../services/notifications/channels/channel.ts";
import type { NotificationDocument } from "../../../../services/notifications/notification.document.ts";
import { type Queue, Sender } from "../../../../services/notifications/notification.sender.ts";
import { DEFAULT_PREFERENCES, notificationsOf } from "../../../../services/notifications/notification.ts";
import { eventually, waitFor } from "../../../support/eventually.ts";

const HOUR_MS = 3_600_000;
const SEND_DEADLINE_MS = 200;

const queued = (event: string, now: number): NotificationDocument => {
  const customer = { id: "u-1", email: "ada@example.com", name: "Ada" };
  const circumstances = { preferences: DEFAULT_PREFERENCES, shop: "Molecart", now };
  return notificationsOf({ id: event, type: "user.registered", data: { customer } }, circumstances)[0]!;
};

/** The queue's promises, kept in memory. */
class MemoryQueue implements Queue {
  readonly documents = new Map<string, NotificationDocument>();

  add(document: NotificationDocument): void {
    this.documents.set(document._id, document);
  }
  only(): NotificationDocument {
    return [...this.documents.values()][0]!;
  }
  async claim(now: number, leaseEndsAt: number, limit: number): Promise<NotificationDocument[]> {
    const due = [...this.documents.values()].filter((d) => d.status === "queued" && d.nextAttemptAt <= now).slice(0, limit);
    return due.map((d) => {
      const claimed = { ...d, attempts: d.attempts + 1, firstAttemptAt: d.firstAttemptAt ?? now, nextAttemptAt: leaseEndsAt };
      this.add(claimed);
      return claimed;
    });
  }
  async setSent({ _id }: NotificationDocument, now: number): Promise<void> {
    this.add({ ...this.documents.get(_id)!, status: "sent", sentAt: isoTime(now) });
  }
  async setFailure({ _id, attempts }: NotificationDocument, next: object, lastError: string): Promise<void> {
    const stored = this.documents.get(_id)!;
    if (stored.attempts === attempts) this.add({ ...stored, ...next, lastError });
  }
}

class FakeChannel implements ChannelAdapter {
  readonly delivered: string[] = [];
  attempts = 0;
  closed = false;
  #behaviour: (notification: NotificationDocument, signal: AbortSignal) => Promise<void>;

  constructor(behaviour: (notification: NotificationDocument, signal: AbortSignal) => Promise<void> = async () => {}) {
    this.#behaviour = behaviour;
  }
  async deliver(notification: NotificationDocument, signal: AbortSignal): Promise<void> {
    this.attempts += 1;
    await this.#behaviour(notification, signal);
    this.delivered.push(notification._id);
  }
  close(): void {
    this.closed = true;
  }
}

const senders: Sender[] = [];
const logged: object[] = [];
const start = (queue: Queue, channel: ChannelAdapter, clock: ManualClock, concurrency = 4): Sender => {
  const note = (message: string, detail: object) => logged.push({ message, ...detail });
  const sender = new Sender({
    queue,
    clock,
    channels: { email: channel },
    concurrency,
    sendDeadlineMs: SEND_DEADLINE_MS,
    giveUpAfterMs: 24 * HOUR_MS,
    log: { warn: note, error: note },
  });
  senders.push(sender);
  sender.start();
  return sender;
};

afterEach(async () => {
  await Promise.all(senders.splice(0).map((sender) => sender.stop()));
  logged.length = 0;
});

describe("a sender", () => {
  test("sends everything that is queued, however much, and notes when", async () => {
    const [queue, clock, channel] = [new MemoryQueue(), new ManualClock(), new FakeChannel()];
    for (let i = 0; i < 25; i++) queue.add(queued(`e-${i}`, clock.now()));
    start(queue, channel, clock);
    await waitFor(() => [...queue.documents.values()].every((d) => d.status === "sent" && d.sentAt === isoTime(clock.now())));
    expect(channel.delivered.sort()).toEqual([...queue.documents.keys()].sort());
  });

  test("has no more in hand than it may", async () => {
    let inHand = 0;
    let most = 0;
    const channel = new FakeChannel(async () => {
      most = Math.max(most, ++inHand);
      await new Promise((resolve) => setImmediate(resolve));
      inHand -= 1;
    });
    const [queue, clock] = [new MemoryQueue(), new ManualClock()];
    for (let i = 0; i < 12; i++) queue.add(queued(`e-${i}`, clock.now()));
    start(queue, channel, clock, 3);
    await waitFor(() => channel.delivered.length === 12);
    expect(most).toBe(3);
  });

  test("leaves what is suppressed", async () => {
    const [queue, clock, channel] = [new MemoryQueue(), new ManualClock(), new FakeChannel()];
    queue.add({ ...queued("e-0", clock.now()), status: "suppressed" });
    queue.add(queued("e-1", clock.now()));
    start(queue, channel, clock);
    await waitFor(() => channel.delivered.length > 0);
    expect(queue.only().status).toBe("suppressed");
    expect(channel.attempts).toBe(1);
  });

  test("tries again after a failure, when the backoff is over, until it is sent", async () => {
    const [queue, clock] = [new MemoryQueue(), new ManualClock()];
    const channel = new FakeChannel(async () => {
      if (channel.attempts < 3) throw Object.assign(new Error("<ada@example.com>: try later"), { responseCode: 451 });
    });
    queue.add(queued("e-1", clock.now()));
    const sender = start(queue, channel, clock);
    for (const attempts of [1, 2]) {
      // The lease of an attempt under way ends later than the backoff of a failed one.
      await waitFor(() => channel.attempts === attempts && queue.only().nextAttemptAt <= clock.now() + 4_000);
      expect(queue.only()).toMatchObject({ status: "queued", attempts });
      expect(queue.only().nextAttemptAt).toBeGreaterThan(clock.now());
      clock.advance(4_000);
      sender.wake();
    }
    await waitFor(() => queue.only().status === "sent");
    expect(channel.attempts).toBe(3);
  });

  test("logs ids and codes, never the recipient", async () => {
    const [queue, clock] = [new MemoryQueue(), new ManualClock()];
    const channel = new FakeChannel(async () => {
      throw Object.assign(new Error("<ada@example.com>: no such mailbox"), { responseCode: 550 });
    });
    queue.add(queued("e-1", clock.now()));
    start(queue, channel, clock);
    await waitFor(() => logged.length > 0);
    expect(logged[0]).toMatchObject({ notificationId: queue.only()._id, code: "550", attempts: 1 });
    expect(JSON.stringify(logged)).not.toContain("ada@");
  });

  test("gives up when the time is over", async () => {
    const [queue, clock] = [new MemoryQueue(), new ManualClock()];
    const channel = new FakeChannel(async () => {
      throw new Error("no");
    });
    queue.add({ ...queued("e-1", clock.now()), attempts: 50, firstAttemptAt: clock.now() - 24 * HOUR_MS });
    start(queue, channel, clock);
    await eventually(() => expect(queue.only()).toMatchObject({ status: "failed", lastError: "no", attempts: 51 }));
  });

  test("does not wait for a channel that never answers", async () => {
    const [queue, clock] = [new MemoryQueue(), new ManualClock()];
    const channel = new FakeChannel(() => new Promise(() => {}));
    queue.add(queued("e-1", clock.now()));
    start(queue, channel, clock);
    await eventually(() =>
      expect(queue.only()).toMatchObject({ status: "queued", lastError: `No answer within ${SEND_DEADLINE_MS} ms` }),
    );
  });

  test("a notification whose sender died comes up again at the end of its lease", async () => {
    const [queue, clock, channel] = [new MemoryQueue(), new ManualClock(), new FakeChannel()];
    queue.add(queued("e-1", clock.now()));
    await queue.claim(clock.now(), clock.now() + 60_000, 1);
    const sender = start(queue, channel, clock);
    queue.add(queued("e-2", clock.now()));
    sender.wake();
    await waitFor(() => channel.delivered.length === 1);
    expect(queue.only().status).toBe("queued");
    clock.advance(60_000);
    sender.wake();
    await waitFor(() => queue.only().status === "sent");
  });

  test("does not send again what it could not note as sent because the store was away for a moment", async () => {
    const [queue, clock, channel] = [new MemoryQueue(), new ManualClock(), new FakeChannel()];
    const setSent = queue.setSent.bind(queue);
    let outages = 2;
    queue.setSent = (notification, now) =>
      outages-- > 0 ? Promise.reject(new Unavailable("the store")) : setSent(notification, now);
    queue.add(queued("e-1", clock.now()));
    const sentAt = isoTime(clock.now());
    start(queue, channel, clock);
    await waitFor(() => channel.delivered.length === 1);
    clock.advance(10_000);
    await waitFor(() => queue.only().status === "sent");
    expect(queue.only().sentAt).toBe(sentAt);
    clock.advance(HOUR_MS);
    expect(channel.attempts).toBe(1);
  });

  test("stopped, it ends what it has in hand and closes its channels", async () => {
    const [queue, clock] = [new MemoryQueue(), new ManualClock()];
    let finish: () => void = () => {};
    const channel = new FakeChannel(() => new Promise((resolve) => (finish = resolve)));
    queue.add(queued("e-1", clock.now()));
    const sender = start(queue, channel, clock);
    await waitFor(() => channel.attempts === 1);
    const stopped = sender.stop();
    finish();
    await stopped;
    expect(queue.only().status).toBe("sent");
    expect(channel.closed).toBe(true);
  });
});

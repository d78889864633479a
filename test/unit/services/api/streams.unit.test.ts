import { EventEmitter } from "node:events";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { InvalidRequestTimeout } from "../../../../services/api/api.errors.ts";
import { EventStreams, type OpenStream, type Sink } from "../../../../services/api/api.event-streams.ts";
import { requestTimeoutMs } from "../../../../services/api/request-timeout.ts";
import type { StreamPart } from "../../../../services/api/route.ts";
import { eventText } from "../../../../services/api/sse.ts";

/** A client that takes nothing unless it is told to. */
class Client extends EventEmitter implements Sink {
  destroyed = false;
  unread = "";
  ended = false;
  get writableLength(): number {
    return this.unread.length;
  }
  write(text: string): void {
    if (this.ended) throw new Error("written after the end");
    this.unread += text;
  }
  end(text = ""): void {
    this.write(text);
    this.ended = true;
  }
  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

const limits = { perGateway: 10, perCaller: 10, pollMs: 60_000, heartbeatMs: 1_000 };
const streamOf = (sink: Sink, read: (after: number) => Promise<StreamPart>): OpenStream => ({
  topic: "o-1",
  sink,
  position: 0,
  read,
  isStillAdmitted: async () => true,
});
const partOf = (...ids: number[]): StreamPart => ({
  events: ids.map((id) => ({ id, event: "status", data: { id } })),
  last: ids.at(-1) ?? 0,
  end: undefined,
});

describe("a reader that does not read", () => {
  let streams: EventStreams;
  beforeEach(() => {
    jest.useFakeTimers();
    streams = new EventStreams(limits, () => {});
  });
  afterEach(() => {
    streams.close();
    jest.useRealTimers();
  });

  test("is dropped when it has taken nothing from one heartbeat to the next; others go on", async () => {
    const [deaf, awake] = [new Client(), new Client()];
    for (const sink of [deaf, awake])
      streams.follow(
        streamOf(sink, async () => partOf(1)),
        streams.reserve("ada"),
      );
    await jest.advanceTimersByTimeAsync(0);
    expect(deaf.unread).toBe(eventText({ id: 1, event: "status", data: { id: 1 } }));
    awake.unread = "";
    await jest.advanceTimersByTimeAsync(1_000);
    expect(deaf.destroyed).toBe(false);
    awake.unread = "";
    await jest.advanceTimersByTimeAsync(1_000);
    expect([deaf.destroyed, awake.destroyed, streams.size]).toEqual([true, false, 1]);
  });

  test("is dropped before it fills the memory", async () => {
    const sink = new Client();
    sink.unread = "x".repeat(64 * 1024);
    streams.follow(
      streamOf(sink, async () => partOf(1)),
      streams.reserve("ada"),
    );
    await jest.advanceTimersByTimeAsync(0);
    expect([sink.destroyed, streams.size]).toEqual([true, 0]);
  });

  test("is cut off when the gateway stops", async () => {
    const sink = new Client();
    streams.follow(
      streamOf(sink, async () => partOf(1)),
      streams.reserve("ada"),
    );
    await jest.advanceTimersByTimeAsync(0);
    streams.close();
    expect([sink.ended, sink.destroyed]).toEqual([true, false]);
    await jest.advanceTimersByTimeAsync(250);
    expect(sink.destroyed).toBe(true);
    // And nobody new is let in.
    expect(() => streams.reserve("ada")).toThrow("Too many event streams are open here");
  });

  test("nothing is written to a stream that has ended", async () => {
    const sink = new Client();
    const over: StreamPart = { ...partOf(1, 2), end: { event: "end", data: {} } };
    streams.follow(
      streamOf(sink, async () => over),
      streams.reserve("ada"),
    );
    await jest.advanceTimersByTimeAsync(0);
    const told = sink.unread;
    expect(sink.ended).toBe(true);
    streams.wake("o-1");
    await jest.advanceTimersByTimeAsync(5_000);
    expect(sink.unread).toBe(told);
  });
});

describe("how long a client waits", () => {
  test.each([
    [{}, 10_000],
    [{ "request-timeout": "2" }, 2_000],
    [{ "request-timeout": "0.25" }, 250],
    [{ "request-timeout": "3600" }, 10_000],
    [{ prefer: "wait=3" }, 3_000],
    [{ prefer: "respond-async, wait=3; foo" }, 3_000],
    [{ prefer: "wait=soon, return=minimal" }, 10_000],
    [{ prefer: "await=1" }, 10_000],
    [{ prefer: "wait=3", "request-timeout": "1" }, 1_000],
  ])("%j is %d ms", (headers, ms) => {
    expect(requestTimeoutMs(headers as Record<string, string>, 10_000)).toBe(ms);
  });

  test.each(["", "0", "-1", "1e3", "1s", "NaN", "100000"])("a Request-Timeout of %j is refused", (text) => {
    expect(() => requestTimeoutMs({ "request-timeout": text }, 10_000)).toThrow(InvalidRequestTimeout);
  });
});

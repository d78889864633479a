import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import { describe, expect, jest, test } from "@jest/globals";
import { startBodyDeadline } from "../../../../services/api/body-deadline.http.ts";

const request = (complete = false) =>
  Object.assign(new EventEmitter(), { complete }) as unknown as IncomingMessage & EventEmitter;

describe("The deadline of a body", () => {
  const lateAfter = (ms: number, act: (req: ReturnType<typeof request>, stop: () => void) => void, complete = false): boolean => {
    jest.useFakeTimers();
    let late = false;
    const req = request(complete);
    act(
      req,
      startBodyDeadline(req, 1_000, () => {
        late = true;
      }),
    );
    jest.advanceTimersByTime(ms);
    jest.useRealTimers();
    return late;
  };

  test("is told when the body is not there in time", () => {
    expect([lateAfter(999, () => {}), lateAfter(1_000, () => {})]).toEqual([false, true]);
  });

  test("is off when the body has come, the client has gone, or it is a file", () => {
    expect(lateAfter(2_000, (req) => req.emit("end"))).toBe(false);
    expect(lateAfter(2_000, (req) => req.emit("close"))).toBe(false);
    expect(lateAfter(2_000, (_, stop) => stop())).toBe(false);
    expect(lateAfter(2_000, () => {}, true)).toBe(false);
  });
});

import { describe, expect, test } from "@jest/globals";
import { type Envelope, encodeEnvelope, isEnvelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";

const envelope = newEnvelope("reservation.expired", "o1", { orderId: "o1" }, "2026-01-01T00:00:00.000Z") as Envelope;

describe("An envelope", () => {
  test("is known as one when it comes back from its text, also from a newer program", () => {
    expect(isEnvelope(JSON.parse(encodeEnvelope(envelope)))).toBe(true);
    expect(isEnvelope({ ...envelope, region: "north" })).toBe(true);
  });

  test.each([
    ["nothing", null],
    ["a number as id", { ...envelope, id: 7 }],
    ["an id with a NUL, which PostgreSQL cannot store", { ...envelope, id: "a\0" }],
    ["half a surrogate pair in its aggregate id", { ...envelope, aggregateId: "\ud83d" }],
    ["an object as request id", { ...envelope, requestId: {} }],
    ["no data", { ...envelope, data: null }],
  ])("is none with %s", (_, value) => {
    expect(isEnvelope(value)).toBe(false);
  });

  test("is refused when the bus could not take it", () => {
    const large = { ...envelope, data: { orderId: "ö".repeat(600_000) } } as Envelope;
    expect(() => encodeEnvelope(large)).toThrow(/reservation\.expired of o1 has 12\d{5} bytes/);
  });
});

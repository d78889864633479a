import { expect, test } from "@jest/globals";
import { requestIdOf } from "@molecart/mixins/lib/request-id.ts";

test.each(["5d1c7a0e-1f3b-4c58-9a57-2b9d0c6e8f41", "a", "order.42:1_x", "1234567890", "4242424242424242x"])(
  "%s is taken over",
  (id) => {
    expect(requestIdOf(id)).toBe(id);
  },
);

test.each([
  "",
  "a b",
  "a\n",
  "ü",
  "a".repeat(129),
  "4242424242424242",
  "4242-4242-4242-4242",
  "4242.4242.4242.4242",
  "378282246310005",
])("%j is replaced: it is not fit for a log, or could be a card's number", (id) => {
  expect(requestIdOf(id)).toMatch(/^[0-9a-f-]{36}$/);
});

test("Two at once, or none, are replaced", () => {
  expect(requestIdOf(["a", "b"])).toMatch(/^[0-9a-f-]{36}$/);
  expect(requestIdOf(undefined)).toMatch(/^[0-9a-f-]{36}$/);
});

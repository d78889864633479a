import { describe, expect, test } from "@jest/globals";
import { isSigned, sign } from "../../../../services/payments/signature.ts";

const SECRET = "a secret of thirty-two characters";
const NOW = 1_800_000_000_000;
const SECONDS = NOW / 1000;
const body = Buffer.from('{"id":"evt_1"}');
const header = sign(SECRET, body, SECONDS);

describe("A webhook's signature", () => {
  test("is taken for this body, time and secret", () => {
    expect(isSigned(SECRET, body, header, NOW)).toBe(true);
  });

  test("is refused for another body, time or secret", () => {
    expect(isSigned(SECRET, Buffer.from('{"id":"evt_2"}'), header, NOW)).toBe(false);
    expect(isSigned(SECRET, body, header.replace(`t=${SECONDS}`, `t=${SECONDS + 1}`), NOW)).toBe(false);
    expect(isSigned("another secret of the same length", body, header, NOW)).toBe(false);
  });

  test("holds for five minutes, to either side", () => {
    expect(isSigned(SECRET, body, header, NOW + 300_000)).toBe(true);
    expect(isSigned(SECRET, body, header, NOW + 301_000)).toBe(false);
    expect(isSigned(SECRET, body, header, NOW - 301_000)).toBe(false);
  });

  test("may come in two versions while the secret is replaced", () => {
    const [time, old] = sign("the secret that was there before", body, SECONDS).split(",");
    expect(isSigned(SECRET, body, `${time},${old},${header.split(",")[1]}`, NOW)).toBe(true);
  });

  test.each([
    "",
    "t=",
    "v1=00",
    `t=${SECONDS}`,
    `t=${SECONDS},v1=`,
    `t=${SECONDS},v1=zz`,
    `t=now,v1=${"0".repeat(64)}`,
    "t=1=2,v1",
  ])("such as %j is refused", (nonsense) => {
    expect(isSigned(SECRET, body, nonsense, NOW)).toBe(false);
  });
});

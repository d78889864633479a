import { createHmac, timingSafeEqual } from "node:crypto";

/** A signature that is older could be a replay of something overheard. Also how far two clocks may be apart. */
const MAX_AGE_SECONDS = 300;

const digest = (secret: string, atSeconds: number, body: Uint8Array): Buffer =>
  createHmac("sha256", secret).update(`${atSeconds}.`).update(body).digest();

/** `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">` */
export const sign = (secret: string, body: Uint8Array, atSeconds: number): string =>
  `t=${atSeconds},v1=${digest(secret, atSeconds, body).toString("hex")}`;

/** The time is signed with the body, so it cannot be made younger. Several `v1` are allowed while a secret is replaced. */
export const isSigned = (secret: string, body: Uint8Array, header: string, nowMs: number): boolean => {
  const parts = header.split(",").map((part) => part.trim().split("="));
  const valuesOf = (name: string) => parts.filter(([key]) => key === name).map(([, value]) => value ?? "");
  const [time = ""] = valuesOf("t");
  if (!/^[0-9]{1,12}$/.test(time)) return false;
  if (Math.abs(nowMs / 1000 - Number(time)) > MAX_AGE_SECONDS) return false;
  const expected = digest(secret, Number(time), body);
  return valuesOf("v1").some((hex) => {
    const given = Buffer.from(hex, "hex");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
};

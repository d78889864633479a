import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { codingFor, compress, isWorthCompressing } from "../../../../services/api/compression.zlib.ts";

describe("compression", () => {
  test.each<[string | undefined, string | undefined]>([
    [undefined, undefined],
    ["", undefined],
    ["gzip", "gzip"],
    ["gzip, deflate, br", "br"],
    ["br;q=0.1, gzip;q=0.9", "gzip"],
    ["gzip;q=0", undefined],
    ["*", "br"],
    ["*;q=0.5, br;q=0", "gzip"],
    ["identity, gzip;q=0.5", undefined],
    ["deflate", undefined],
    ["zstd, GZIP", "gzip"],
    [",,;q", undefined],
  ])("for %j is %s", (accepted, coding) => {
    expect(codingFor(accepted)).toBe(coding);
    expect(codingFor(accepted)).toBe(coding);
  });

  test("can be undone", async () => {
    const text = "Lamp ".repeat(1_000);
    const body = Buffer.from(text);
    expect(brotliDecompressSync(await compress(body, "br")).toString()).toBe(text);
    expect(gunzipSync(await compress(body, "gzip")).toString()).toBe(text);
  });

  test("is for what does not fit into one packet", () => {
    expect([500, 1_024].map(isWorthCompressing)).toEqual([false, true]);
  });
});

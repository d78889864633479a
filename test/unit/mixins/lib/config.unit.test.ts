import { describe, expect, test } from "@jest/globals";
import { readEnvironment } from "@molecart/mixins/lib/config.ts";

describe("Settings", () => {
  test("name the variable that is wrong, and what is allowed", () => {
    expect(() => readEnvironment({ API_PORT: "http" }).integer("API_PORT", 3000, { max: 65_535 })).toThrow(
      'API_PORT: "http" is not a whole number from 0 to 65535',
    );
    expect(() => readEnvironment({ LOG_LEVEL: "loud" }).oneOf("LOG_LEVEL", ["info", "warn"], "info")).toThrow(
      'LOG_LEVEL: "loud" is none of info, warn',
    );
    expect(() => readEnvironment({}).required("SECRET", "outside the embedded mode")).toThrow(
      "SECRET: must be set (outside the embedded mode)",
    );
  });
  test("never repeat a URL that is wrong: it may hold a password", () => {
    const read = () =>
      readEnvironment({ ORDERS_DATABASE_URL: "mysql://me:secret@host/db" }).url("ORDERS_DATABASE_URL", ["postgres"]);
    expect(read).toThrow("ORDERS_DATABASE_URL: is not a URL of postgres://");
    expect(read).not.toThrow(/secret/);
  });
  test("that are empty count as absent", () => {
    const read = readEnvironment({ NATS_URL: "", API_PORT: "" });
    expect([read.embedded, read.integer("API_PORT", 3000)]).toEqual([true, 3000]);
  });
});

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, test } from "@jest/globals";
import { contracts, eventNames, producerOf, serviceNames } from "@molecart/mixins/contracts/index.ts";
import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { ServiceSchema } from "moleculer";
import { asyncApiDocument } from "../../services/api/openapi/asyncapi.ts";

const document = asyncApiDocument({ version: "1.2.3" });
const withFormats = <T extends object>(ajv: T): T => (addFormats as unknown as (ajv: T) => T)(ajv);

describe("The document of the events", () => {
  test("is valid AsyncAPI 3.0, by the specification's own schema", () => {
    const file = createRequire(import.meta.url).resolve("@asyncapi/specs/schemas/3.0.0.json");
    // It carries the meta schema that Ajv has already.
    const { $schema: _, ...schema } = JSON.parse(readFileSync(file, "utf8"));
    const validate = withFormats(new Ajv({ strict: false, allErrors: true, meta: false, logger: false })).compile(schema);
    expect({ valid: validate(document), errors: validate.errors }).toEqual({ valid: true, errors: null });
    expect(validate({ ...document, asyncapi: "2.0.0" })).toBe(false);
  });

  test("has every event of the contracts, with an example that its schema allows", () => {
    expect(Object.keys(document.channels).toSorted()).toEqual(eventNames.toSorted());
    const ajv = withFormats(new Ajv2020({ strict: false, allErrors: true })).addSchema({
      $id: "http://molecart.example/events",
      ...document,
    });
    for (const [name, { payload, examples }] of Object.entries(
      document.components.messages as Record<string, { payload: { $ref: string }; examples: { payload: unknown }[] }>,
    )) {
      const validate = ajv.compile({ $ref: `http://molecart.example/events${payload.$ref}` });
      for (const example of examples) expect([name, validate(example.payload), validate.errors]).toEqual([name, true, null]);
      expect(validate({})).toBe(false);
    }
  });

  test("names who sends an event and who handles it", () => {
    const of = (action: string) =>
      Object.entries(document.operations as Record<string, { action: string }>)
        .filter(([, operation]) => operation.action === action)
        .map(([id]) => id);
    expect(of("send")).toHaveLength(eventNames.length);
    expect(of("send")).toContain("orders.send.order.created");
    expect(of("receive").filter((id) => id.endsWith("order.created"))).toEqual(
      ["inventory", "carts", "payments", "notifications"].map((name) => `${name}.receive.order.created`),
    );
    expect(producerOf("order.created")).toBe("orders");
  });
});

describe("The map of the mesh", () => {
  test.each(serviceNames)("says what %s handles", async (name) => {
    const { default: schema } = (await import(`../../services/${name}/${name}.service.ts`)) as { default: ServiceSchema };
    const durable = Object.entries(schema.events ?? {}).filter(
      ([, event]) => (event as { durable?: unknown }).durable !== undefined,
    );
    const { handles = [] } = contracts[name] as { handles?: readonly string[] };
    expect(durable.map(([event]) => event).toSorted()).toEqual([...handles].toSorted());
  });

  test("says the status of each refusal as the error's class does", () => {
    const files = serviceNames.flatMap((name) => errorFiles[name] ?? []);
    const statuses = new Map<string, Set<number>>();
    for (const file of [...files, "mixins/operations/errors.ts", "mixins/lib/cursor.ts"]) {
      const source = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
      for (const [, code = "", status] of source.matchAll(/super\(\s*"([A-Z_]+)",\s*(\d{3})/g))
        statuses.set(code, (statuses.get(code) ?? new Set()).add(Number(status)));
    }
    expect(statuses.size).toBeGreaterThan(30);
    const wrong = Object.values(contracts).flatMap(({ name, refusals }) =>
      Object.entries(refusals as Record<string, Record<string, number | number[]>>).flatMap(([action, codes]) =>
        Object.entries(codes)
          .flatMap(([code, status]) => [status].flat().map((one) => [code, one] as const))
          .filter(([code, status]) => !statuses.get(code)?.has(status))
          .map(([code, status]) => `${name}.${action} ${code} ${status}`),
      ),
    );
    expect(wrong).toEqual([]);
  });
});

const errorFiles: Record<string, string[]> = Object.fromEntries(
  Object.entries({
    users: "user",
    products: "product",
    inventory: "stock",
    carts: "cart",
    orders: "order",
    payments: "payment",
    shipping: "shipment",
  }).map(([service, file]) => [service, [`services/${service}/${file}.errors.ts`]]),
);

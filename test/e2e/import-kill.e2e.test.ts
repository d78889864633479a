import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import type { Import } from "@molecart/mixins/contracts/products.ts";
import { catalogueFile } from "../support/catalogue-file.ts";
import { type EmbeddedShop, startEmbeddedShop } from "../support/embedded-shop.ts";
import { eventually, waitFor } from "../support/eventually.ts";
import { removeDataDirs } from "../support/worlds.ts";

jest.setTimeout(240_000);

const PRODUCTS = 2_000;

let embedded: EmbeddedShop;
beforeAll(async () => {
  embedded = await startEmbeddedShop();
});
afterAll(async () => {
  await embedded.shop.kill();
  removeDataDirs();
});

test("An import goes on after a kill -9 in its middle: every product once, found, and known to the inventory", async () => {
  const { shop, addresses } = embedded;
  const api = `${addresses.api}/api/v1`;
  const [, email, password] = /staff +(\S+@\S+) +(\S+)/.exec(shop.output) as unknown as [string, string, string];
  const login = await fetch(`${api}/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password }),
  });
  const { accessToken } = (await login.json()) as { accessToken: string };
  const headers = { authorization: `Bearer ${accessToken}`, "content-type": "application/json" };
  const get = async <T>(path: string): Promise<T> => (await (await fetch(api + path, { headers })).json()) as T;

  const file = Buffer.from([...catalogueFile(PRODUCTS, "ndjson")].join(""));
  const body = JSON.stringify({ format: "ndjson", sizeBytes: file.length });
  const { id } = (await (await fetch(`${api}/products/imports`, { method: "POST", headers, body })).json()) as Import;
  const progress = () => get<Import>(`/products/imports/${id}`);
  const upload = (offset: number) =>
    fetch(`${api}/products/imports/${id}/content`, {
      method: "PATCH",
      headers: { ...headers, "upload-offset": String(offset) },
      body: file.subarray(offset),
    });

  const first = upload(0).catch((error: Error) => error);
  await waitFor(async () => (await progress()).lines > 0, { describe: "the import to have begun" });
  await shop.kill();
  expect(await first).toBeInstanceOf(Error);
  await shop.start();

  const { offset, status } = await progress();
  expect([status, offset > 0, offset < file.length]).toEqual(["open", true, true]);
  const ended = (await (await upload(offset)).json()) as Import;
  expect(ended).toMatchObject({ status: "done", created: PRODUCTS, updated: 0, unchanged: 0, failed: 0, lines: PRODUCTS });

  const search = await get<{ total: number }>("/products?brand=Maker%207&limit=1");
  expect(search.total).toBe(Math.ceil((PRODUCTS - 7) / 150));
  const last = `GEN-${PRODUCTS - 1}-1`;
  await eventually(async () => expect(await get(`/inventory/${last}`)).toMatchObject({ sku: last, onHand: 0 }), {
    withinMs: 60_000,
  });
  const versions = await get<{ items: { version: number }[] }>("/admin/products?category=tents&limit=100");
  expect(new Set(versions.items.map(({ version }) => version))).toEqual(new Set([1]));
});

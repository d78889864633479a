import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Import } from "@molecart/mixins/contracts/products.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { Service, ServiceBroker } from "moleculer";
import { catalogueFile, catalogueProduct } from "../support/catalogue-file.ts";
import { eventually } from "../support/eventually.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

jest.setTimeout(120_000);

const keys = await generateKeyPair("EdDSA", { extractable: true });

/** The gateway and the catalogue; of the users only their keys. */
let broker: ServiceBroker;
let address: string;
let staff: Record<string, string>;

beforeAll(async () => {
  const publicJwk = { ...(await exportJWK(keys.publicKey)), kid: "key-1", alg: "EdDSA", use: "sig" };
  broker = await createBroker(["api", "products"], {
    env: { API_PORT: "0", API_UPLOAD_LIMIT_MB: "4", DATA_DIR: temporaryDataDir(), LOG_LEVEL: "fatal", RATE_LIMIT: "off" },
  });
  const revocations = { items: [], nextCursor: null, asOf: "2026-01-01T00:00:00.000Z", kids: [publicJwk.kid] };
  const actions = { jwks: () => ({ keys: [publicJwk] }), revocations: () => revocations };
  broker.createService({ name: "users", version: 1, actions });
  await broker.start();
  address = `${(broker.getLocalService("v1.api") as unknown as { address: string }).address}/api/v1`;
  const token = await new SignJWT({ email: "grace@example.com", name: "Grace", roles: ["staff"] })
    .setProtectedHeader({ alg: "EdDSA", kid: "key-1" })
    .setSubject("grace")
    .setIssuer("molecart")
    .setAudience("molecart")
    .setExpirationTime("1h")
    .sign(keys.privateKey);
  staff = { authorization: `Bearer ${token}` };
});
afterAll(async () => {
  await broker.stop();
  removeDataDirs();
});

interface Reply {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into answers of every shape
  body: any;
}
const api = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> => {
  const response = await fetch(address + path, {
    method,
    headers: { ...staff, ...(body !== undefined && { "content-type": "application/json" }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  const isJson =
    response.headers.get("content-type")?.includes("json;") || response.headers.get("content-type")?.includes("+json");
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
};

describe("A product that staff change", () => {
  test("has a strong tag of its version, and is changed only where the tag still holds", async () => {
    const created = await api("POST", "/products", catalogueProduct(5_000));
    const tag = created.headers.get("etag") as string;
    expect(tag).toMatch(/^"1-/);
    const path = created.headers.get("location")?.replace("/api/v1", "") as string;
    const read = await api("GET", path);
    expect(read.headers.get("etag")).toBe(tag);
    expect((await api("GET", path, undefined, { "if-none-match": tag })).status).toBe(304);
    expect((await api("GET", `/products/by-slug/${read.body.slug}`)).headers.get("etag")).toBe(tag);

    const changed = await api("PATCH", path, { name: "Lamp" }, { "if-match": tag });
    expect([changed.status, changed.body.version]).toEqual([200, 2]);
    expect(changed.headers.get("etag")).toMatch(/^"2-/);
    const late = await api("PATCH", path, { name: "Torch" }, { "if-match": tag });
    expect([late.status, late.body.code]).toEqual([412, "VERSION_CONFLICT"]);
    const lateRemoval = await api("DELETE", path, undefined, { "if-match": tag });
    expect([lateRemoval.status, lateRemoval.body.code]).toEqual([412, "VERSION_CONFLICT"]);
    const weak = await api("PATCH", path, { name: "Torch" }, { "if-match": `W/${changed.headers.get("etag")}` });
    expect([weak.status, weak.body.code]).toEqual([412, "PRECONDITION_FAILED"]);
    expect((await api("PATCH", path, { name: "Torch" }, { "if-match": "*" })).body.version).toBe(3);
    expect((await api("PATCH", path, { name: "Light" })).body.version).toBe(4);
    expect(
      (await api("DELETE", path, undefined, { "if-match": (await api("GET", path)).headers.get("etag") as string })).status,
    ).toBe(204);
    const { items } = (await api("GET", `${path}/history`)).body;
    expect(items.map(({ by, action }: { by: string; action: string }) => `${by} ${action}`)).toEqual([
      "grace archived",
      "grace updated",
      "grace updated",
      "grace updated",
      "grace created",
    ]);
  });
});

describe("A category", () => {
  test("is made, moved, renamed and removed by staff", async () => {
    expect((await api("POST", "/categories", { name: "Rugs", parent: "home-office" })).status).toBe(201);
    expect((await api("PATCH", "/categories/rugs", { name: "Carpets", slug: "carpets", parent: null })).body).toEqual({
      slug: "carpets",
      name: "Carpets",
      children: [],
    });
    expect((await api("DELETE", "/categories/carpets?target=tents")).status).toBe(204);
    expect((await api("DELETE", "/categories/carpets")).body.code).toBe("CATEGORY_NOT_FOUND");
    expect((await api("POST", "/categories", { name: "x" }, { authorization: "" })).status).toBe(401);
  });
});

describe("An import over HTTP", () => {
  const begin = async (format = "ndjson"): Promise<string> =>
    (await api("POST", "/products/imports", { format, fileName: "made up" })).body.id;
  const upload = async (id: string, content: Buffer | Readable, headers: Record<string, string> = {}): Promise<Reply> => {
    const response = await fetch(`${address}/products/imports/${id}/content`, {
      method: "PATCH",
      headers: { ...staff, "content-type": "application/octet-stream", ...headers },
      body: content as never,
      duplex: "half",
    } as RequestInit);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
  };
  const progressOf = async (id: string): Promise<Import> => (await api("GET", `/products/imports/${id}`)).body;
  const file = (count: number, format: "ndjson" | "csv" = "ndjson") => Buffer.from([...catalogueFile(count, format)].join(""));

  test("takes a file of any length as it comes, and shows how far it is", async () => {
    const id = await begin();
    const content = file(1_200);
    let seen: Import | undefined;
    async function* slowly() {
      for (let start = 0; start < content.length; start += 100_000) {
        yield content.subarray(start, start + 100_000);
        if (start === 500_000)
          seen = await eventually(async () => {
            const now = await progressOf(id);
            expect(now.lines).toBeGreaterThan(0);
            return now;
          });
      }
    }
    const { status, body } = await upload(id, Readable.from(slowly()));
    expect([status, body]).toMatchObject([
      200,
      { status: "done", created: 1_200, lines: 1_200, offset: content.length, createdBy: "grace" },
    ]);
    expect(seen).toMatchObject({ status: "open", fileName: "made up" });
    expect(seen?.offset).toBeLessThan(content.length);
  });

  test("goes on where a client has died", async () => {
    const id = await begin("csv");
    const content = file(1_300, "csv");
    const { port, hostname, pathname } = new URL(`${address}/products/imports/${id}/content`);
    const dying = httpRequest({
      method: "PATCH",
      port,
      hostname,
      path: pathname,
      headers: { ...staff, "content-length": content.length },
    });
    const dead = once(dying, "error");
    const { logger } = broker.getLocalService("v1.api") as unknown as { logger: { error(message: string): void } };
    const faults = jest.spyOn(logger, "error");
    dying.write(content.subarray(0, 400_000));
    await eventually(async () => expect((await progressOf(id)).offset).toBeGreaterThan(0));
    dying.destroy(new Error("dead"));
    await dead;

    const wrong = await upload(id, content);
    const { offset } = await progressOf(id);
    expect([wrong.status, wrong.body.code, wrong.headers.get("upload-offset")]).toEqual([
      409,
      "UPLOAD_OFFSET_MISMATCH",
      String(offset),
    ]);
    const { body } = await upload(id, content.subarray(offset), { "upload-offset": String(offset) });
    expect(body).toMatchObject({ status: "done", offset: content.length, failed: 0 });
    expect(body.created + body.unchanged).toBe(1_300);
    expect(faults).not.toHaveBeenCalled();
    faults.mockRestore();
  });

  test("may come in several requests", async () => {
    const id = await begin();
    const content = file(50);
    const part = await upload(id, content.subarray(0, 10_000), { "upload-complete": "?0" });
    expect(part.body).toMatchObject({ status: "open" });
    const { offset } = part.body;
    expect(offset).toBeGreaterThan(5_000);
    const rest = await upload(id, content.subarray(offset), { "upload-offset": String(offset) });
    expect(rest.body).toMatchObject({ status: "done", unchanged: 50 });
    // A repeat of what is done is answered as it is.
    expect((await upload(id, Buffer.alloc(0))).body).toEqual(rest.body);
  });

  test("waits for a products service that is away for a while", async () => {
    const id = await begin();
    const service = broker.getLocalService("v1.products") as Service;
    const { documents } = service as unknown as { documents: { count: () => Promise<number> } };
    const { Unavailable } = await import("@molecart/mixins/lib/errors.ts");
    let refused = 0;
    const away = jest.spyOn(documents, "count").mockImplementation(() => {
      refused += 1;
      if (refused === 3) away.mockRestore();
      return Promise.reject(new Unavailable("the store"));
    });
    expect((await upload(id, file(20))).body).toMatchObject({ status: "done", unchanged: 20 });
    expect(refused).toBe(3);
  });

  test("reports every error by its line", async () => {
    const id = await begin();
    const { body } = await upload(id, Buffer.from(`{"a":1}\n${JSON.stringify(catalogueProduct(1))}\nno\n`));
    expect(body).toMatchObject({ status: "done", failed: 2 });
    const report = await api("GET", `/products/imports/${id}/errors`);
    expect(report.headers.get("content-type")).toBe("application/x-ndjson");
    const lines = report.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toEqual(body.errors);
    expect(lines.at(-1)).toMatchObject({ line: 3, message: expect.stringContaining("JSON") });
  });

  test("refuses a file that is too large, a wrong header, an unknown import, and strangers", async () => {
    const id = await begin();
    expect((await upload(id, Buffer.alloc(4 * 1024 * 1024 + 1))).body.code).toBe("BODY_TOO_LARGE");
    async function* endless() {
      for (;;) yield Buffer.from("x".repeat(100_000));
    }
    const chunked = await upload(id, Readable.from(endless())).catch((error: Error) => error);
    expect(chunked instanceof Error || chunked.status === 413).toBe(true);
    const offset = await upload(id, Buffer.from("x"), { "upload-offset": "x" });
    expect(offset.body.errors).toEqual([{ path: "Upload-Offset", message: "must be a whole number of bytes" }]);
    expect((await upload("no-such", file(1))).body.code).toBe("IMPORT_NOT_FOUND");
    expect((await upload(id, file(1), { authorization: "" })).status).toBe(401);
  });
});

describe("An export over HTTP", () => {
  test("answers the whole catalogue as a file", async () => {
    const ndjson = await api("GET", "/products/export?format=ndjson");
    expect(ndjson.headers.get("content-disposition")).toBe('attachment; filename="products.ndjson"');
    const { items } = (await api("GET", "/admin/products?limit=100")).body;
    const lines = ndjson.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.length).toBeGreaterThan(1_000);
    expect(lines.slice(0, items.length).map(({ id }) => id)).toEqual(items.map(({ id }: { id: string }) => id));
    const csv = await api("GET", "/products/export?format=csv&status=archived");
    expect(csv.text.split("\r\n")[0]).toBe(
      "id,slug,name,brand,category,description,status,taxClass,images,sku,price,currency,attributes",
    );
    expect(csv.text.split("\r\n").length).toBe(4);
    expect((await api("GET", "/products/export?format=xml")).status).toBe(422);
  });

  test("is broken off where it cannot go on, so that nobody takes a part for the whole", async () => {
    const service = broker.getLocalService("v1.products") as unknown as {
      documents: { find: (options: object) => Promise<unknown[]> };
    };
    const find = service.documents.find.bind(service.documents);
    let reads = 0;
    service.documents.find = (options) => {
      reads += 1;
      return reads === 3 ? Promise.reject(new Error("broken")) : find(options);
    };
    await expect(api("GET", "/products/export?format=ndjson")).rejects.toThrow();
    service.documents.find = find;
  });
});

import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { nastyStrings } from "../../support/security/arbitraries.ts";
import { type BodyOperation, bodyOperations, placesIn, withAt } from "../../support/security/bodies.ts";
import { GuardedShop, send } from "../../support/security/guarded-shop.ts";
import { sendRaw } from "../../support/security/raw-http.ts";
import { removeDataDirs } from "../../support/worlds.ts";

jest.setTimeout(120_000);

let shop: Awaited<ReturnType<typeof GuardedShop.open>>;
// biome-ignore lint/suspicious/noExplicitAny: a document is looked into by paths
let document: any;
let operations: BodyOperation[];

beforeAll(async () => {
  shop = await GuardedShop.open();
  document = await shop.ok({ method: "GET", path: "/openapi.json" });
  operations = bodyOperations(document);
}, 60_000);
afterAll(async () => {
  await shop?.stop();
  removeDataDirs();
});

/** May do everything, so that nothing is refused for another reason. */
const asAdmin = (operation: Pick<BodyOperation, "method" | "path">, raw?: string | Uint8Array<ArrayBuffer>) =>
  send(shop.api, {
    ...operation,
    headers: { ...shop.admin.headers, "idempotency-key": newId() },
    ...(raw !== undefined && { raw }),
  });

/** An operator may mend an event's payload, whatever is in it; the event's own schema looks at it. */
const isFree = ({ operationId }: BodyOperation, place: readonly string[]): boolean =>
  (operationId === "editDeadLetter" && place[0] === "data" && place.length > 1) ||
  ((operationId === "createProduct" || operationId === "updateProduct") && place.includes("attributes"));

const isString = (value: unknown) => typeof value === "string";
const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);

const expectNoPollution = (): void => {
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  expect(([] as unknown as Record<string, unknown>).polluted).toBeUndefined();
  expect(Object.keys(Object.prototype)).toEqual([]);
};

describe("Operators of queries are values of the wrong type", () => {
  test("in the place of every string of every body", async () => {
    for (const operation of operations)
      for (const place of placesIn(operation.example, isString)) {
        if (isFree(operation, place)) continue;
        for (const operator of [{ $gt: "" }, { $ne: null }, { $regex: ".*" }, ["a", "b"], { toString: "a" }]) {
          const { status } = await asAdmin(operation, JSON.stringify(withAt(operation.example, place, () => operator)));
          expect([operation.operationId, place.join("."), operator, status]).toEqual([
            operation.operationId,
            place.join("."),
            operator,
            422,
          ]);
        }
      }
  });

  test("in the place of every parameter of every query", async () => {
    let tried = 0;
    for (const [path, methods] of Object.entries(
      document.paths as Record<string, Record<string, { parameters?: { in: string; name: string }[] }>>,
    ))
      for (const [method, { parameters = [] }] of Object.entries(methods))
        for (const { name } of parameters.filter((one) => one.in === "query")) {
          const filled = path.replace(/\{\w+\}/g, "nothing");
          for (const query of [
            `${name}[$ne]=1`,
            `${name}[$gt]=`,
            `${name}[]=1`,
            `${name}.$ne=1`,
            `${name}[__proto__][polluted]=yes`,
          ]) {
            const { status } = await asAdmin({ method: method.toUpperCase(), path: `${filled}?${encodeURI(query)}` });
            expect([path, query, status]).toEqual([path, query, 422]);
          }
          const doubled = await asAdmin({ method: method.toUpperCase(), path: `${filled}?${name}=1&${name}=2` });
          expect([path, name, doubled.status]).toEqual([path, name, 422]);
          tried += 1;
        }
    expect(tried).toBeGreaterThan(15);
    expectNoPollution();
  });

  test("at the sign-in: nobody comes in by asking for anybody", async () => {
    for (const body of [
      { email: { $gt: "" }, password: { $gt: "" } },
      { email: shop.owner.email, password: { $ne: "" } },
      { email: [shop.owner.email], password: [shop.owner.password] },
      { email: "' or 1=1 --@example.com", password: "' or '1'='1" },
      { email: shop.owner.email, password: "' or '1'='1" },
    ])
      expect([401, 422]).toContain((await send(shop.api, { method: "POST", path: "/api/v1/auth/login", body })).status);
  });
});

test("What has a meaning in SQL, full-text search, regular expressions or scripts is looked for as what it is", async () => {
  const search = async (query: string) => shop.ok({ method: "GET", path: `/api/v1/products?${query}` });
  expect((await search("q=lamp")).total).toBeGreaterThan(0);
  for (const text of nastyStrings) {
    const q = await send(shop.api, { method: "GET", path: `/api/v1/products?q=${encodeURIComponent(text.toWellFormed())}` });
    expect([text.slice(0, 40), q.status < 300 || [414, 422, 431].includes(q.status)]).toEqual([text.slice(0, 40), true]);
    if (text.length === 0 || text.length > 100) continue;
    const brand = await send(shop.api, {
      method: "GET",
      path: `/api/v1/products?brand=${encodeURIComponent(text.toWellFormed())}`,
    });
    expect([text, brand.status === 422 || brand.body.total === 0]).toEqual([text, true]);
  }
});

test("A text that is kept comes back as it was, whatever it means elsewhere", async () => {
  const { headers } = await shop.signUp("writer");
  const keeps = nastyStrings.filter(
    (text) => /\S/.test(text) && text.length <= 100 && !text.includes("\0") && text.isWellFormed(),
  );
  for (const name of keeps) {
    const { id: _, ...kept } = await shop
      .ok({
        method: "POST",
        path: "/api/v1/me/addresses",
        headers,
        body: { name, line1: name, line2: name, city: name, postalCode: name.slice(0, 20), country: "DE" },
      })
      .then(async (made) => {
        await shop.ok({ method: "DELETE", path: `/api/v1/me/addresses/${made.id}`, headers });
        return made;
      });
    expect(kept).toMatchObject({ name, line1: name, line2: name, city: name });
    await shop.ok({ method: "PATCH", path: "/api/v1/me", headers, body: { name } });
    expect((await shop.ok({ method: "GET", path: "/api/v1/me", headers })).name).toBe(name);
  }
});

describe("Nothing reaches for prototypes:", () => {
  test("bodies, at each of their levels", async () => {
    for (const operation of operations)
      for (const place of placesIn(operation.example, isObject)) {
        const within = (key: string) =>
          JSON.stringify(
            withAt(operation.example, place, (before) => ({
              ...before,
              KEY: { polluted: "yes", prototype: { polluted: "yes" } },
            })),
          ).replace('"KEY"', JSON.stringify(key));
        const proto = await asAdmin(operation, within("__proto__"));
        expect([operation.operationId, place.join("."), proto.status]).toEqual([operation.operationId, place.join("."), 400]);
        for (const key of ["constructor", "prototype", "toString", "hasOwnProperty", "toJSON"]) {
          const { status } = await asAdmin(operation, within(key));
          expect([operation.operationId, place.join("."), key, status >= 400 && status < 500]).toEqual([
            operation.operationId,
            place.join("."),
            key,
            true,
          ]);
        }
      }
    expectNoPollution();
  });

  test("queries", async () => {
    for (const query of [
      "__proto__[polluted]=yes",
      "__proto__.polluted=yes",
      "__proto__=yes",
      "constructor[prototype][polluted]=yes",
      "constructor.prototype.polluted=yes",
      "hasOwnProperty=1",
      "toString=1",
    ])
      for (const path of ["/api/v1/products", "/api/v1/admin/orders", "/api/v1/me", "/openapi.json", "/health/ready"]) {
        const { status } = await asAdmin({ method: "GET", path: `${path}?${encodeURI(query)}` });
        // The reader of queries leaves this one name out before anybody sees it. Documents have no query to look at.
        const ignored = query === "__proto__=yes" || path === "/openapi.json";
        expect([path, query, status]).toEqual([path, query, ignored ? 200 : 422]);
      }
    expectNoPollution();
  });

  test("paths: things of such names do not exist", async () => {
    for (const name of [
      "__proto__",
      "constructor",
      "toString",
      "valueOf",
      "hasOwnProperty",
      "carts:__proto__",
      "__proto__:1",
      "constructor:1",
    ])
      for (const [path, methods] of Object.entries(document.paths as Record<string, object>)) {
        if (!path.includes("{") || !("get" in methods)) continue;
        const { status } = await asAdmin({ method: "GET", path: path.replace(/\{\w+\}/g, name) });
        // A list of what belongs to nothing may be empty.
        expect([path, name, [404, 422].includes(status) || /audit$/.test(path)]).toEqual([path, name, true]);
      }
    for (const name of ["__proto__", "constructor", "toString"])
      expect((await send(shop.payments, { method: "POST", path: `/webhooks/${name}`, body: {} })).status).toBe(404);
  });

  test("names of a product's attributes, which are free: they are names, and search goes on", async () => {
    const attributes = { constructor: "a", toString: "b", valueOf: "c", hasOwnProperty: "d", $where: "1", "a.b": "e", "": "f" };
    for (const [name, value] of Object.entries(attributes)) {
      const product = shop.productBody();
      const [variant] = product.variants;
      const body = { ...product, variants: [{ ...variant, attributes: { [name]: value } }] };
      const { status, body: made } = await send(shop.api, {
        method: "POST",
        path: "/api/v1/products",
        headers: shop.staff.headers,
        body,
      });
      expect([name, [201, 422].includes(status)]).toEqual([name, true]);
      if (status !== 201) continue;
      const found = await shop.ok({ method: "GET", path: `/api/v1/products/${made.id}` });
      expect(found.variants[0].attributes).toEqual({ [name]: value });
      expect((await shop.ok({ method: "GET", path: "/api/v1/products?q=lamp" })).total).toBeGreaterThan(0);
    }
    expectNoPollution();
  });
});

describe("A body of an unreasonable form is refused, and quickly:", () => {
  const paths = [
    { method: "POST", path: "/api/v1/products" },
    { method: "POST", path: "/api/v1/orders" },
    { method: "PUT", path: "/api/v1/admin/dead-letters/carts:nothing" },
    { method: "POST", path: "/api/v1/auth/login" },
  ];
  const nested = (depth: number, open: string, close: string, core = "1") => open.repeat(depth) + core + close.repeat(depth);
  const MB = "x".repeat(1_000_000);

  test.each<[string, string | Uint8Array<ArrayBuffer>]>([
    ["ten thousand lists in each other", nested(4_900, "[", "]")],
    ["the same within a field", `{"data":${nested(45_000, "[", "]")}}`],
    ["objects in each other", `{"data":${nested(9_000, '{"a":', "}")}}`],
    ["lists that never end", "[".repeat(50_000)],
    ["a thousand times what fits", MB],
    ["very many fields", JSON.stringify(Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`field${n}`, n])))],
    ["a very long list", `{"lines":[${"1,".repeat(40_000)}1]}`],
    ["a very long number", `{"quantity":${"9".repeat(50_000)}}`],
    ["NaN", '{"quantity":NaN}'],
    ["Infinity", '{"quantity":-Infinity}'],
    ["a comment", '{/* */"quantity":1}'],
    ["a trailing comma", '{"quantity":1,}'],
    ["not UTF-8", new Uint8Array([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0xc0, 0xaf, 0x22, 0x7d])],
    ["UTF-16", new Uint8Array(Buffer.from('{"name":"a"}', "utf16le"))],
    ["two values", '{"a":1}{"b":2}'],
    ["no object", '"text"'],
    ["null", "null"],
    ["a list", "[]"],
    ["an empty key", '{"":1}'],
  ])("%s", async (_, raw) => {
    for (const target of paths) {
      const { status, body } = await asAdmin(target, raw);
      expect([target.path, [400, 404, 413, 422].includes(status), typeof body.code]).toEqual([target.path, true, "string"]);
    }
    const card = await send(shop.payments, { method: "POST", path: "/tokens", raw });
    expect([400, 413, 422]).toContain(card.status);
    expect((await send(shop.api, { method: "GET", path: "/health/live" })).status).toBe(200);
  });

  test("a byte order mark is no part of the text, and a key that comes twice counts once, checked", async () => {
    const put = (raw: string) => asAdmin({ method: "PUT", path: `/api/v1/cart/items/${shop.sku}` }, raw);
    expect([200, 400]).toContain((await put('\ufeff{"quantity":1}')).status);
    expect((await put('{"quantity":1,"quantity":2}')).body.lines[0].quantity).toBe(2);
    expect((await put('{"quantity":1,"quantity":-2}')).status).toBe(422);
  });

  test("numbers that are none for a quantity or a price", async () => {
    for (const quantity of [0, -1, 1.5, 1e21, 2 ** 53, "1", "1e1", true, null, [1], 100_000])
      expect([
        quantity,
        (await asAdmin({ method: "PUT", path: `/api/v1/cart/items/${shop.sku}` }, JSON.stringify({ quantity }))).status,
      ]).toEqual([quantity, 422]);
    for (const amount of ["9007199254740993", "1e400", "-1", "0.1", '"1"', "-1e308"]) {
      const body = JSON.stringify({ reason: "no", amount: { amount: "AMOUNT", currency: "EUR" } }).replace('"AMOUNT"', amount);
      const { status } = await asAdmin({ method: "POST", path: "/api/v1/admin/orders/nothing/refunds" }, body);
      expect([amount, status >= 400 && status < 500]).toEqual([amount, true]);
    }
    expect((await asAdmin({ method: "PUT", path: `/api/v1/inventory/${shop.sku}` }, '{"onHand":9007199254740993}')).status).toBe(
      422,
    );
  });
});

test("One person has one account, in whatever letters the address is written", async () => {
  const { email, password } = shop.owner;
  const register = async (other: string) =>
    (await send(shop.api, { method: "POST", path: "/api/v1/auth/register", body: { email: other, password, name: "Eve" } }))
      .status;
  expect(await register(email.toUpperCase())).toBe(409);
  for (const other of [
    `${email}\u0000`,
    ` ${email}`,
    `${email}\n`,
    email.replace("@", "＠"),
    email.replace("o", "ο"),
    email.replace("e", "е"),
  ])
    expect([other, await register(other)]).toEqual([other, 422]);
});

/** A request, as its bytes are. */
const request = (line: string, headers: readonly string[] = [], body = "") =>
  [line, "Host: shop.example", "Connection: close", ...headers, "", body].join("\r\n");

describe("Addresses", () => {
  test("lead nowhere but to the table, however they are written", async () => {
    for (const path of [
      "/../../../../etc/passwd",
      "/docs/../../../../etc/passwd",
      "/docs/..%2f..%2f..%2fpackage.json",
      "/docs/%2e%2e/%2e%2e/package.json",
      "/docs/docs.css/../../api.service.ts",
      "/docs/docs.css%00.html",
      "/api/v1/products/..%2f..%2fadmin%2forders",
      "/api/v1/products/%2e%2e%2fadmin",
      "/api/v1/me/../admin/orders",
      "/api/v1/orders/%c0%ae%c0%ae%c0%afadmin",
      "/api/v1/orders/..;/admin/orders",
      "/api/v1//admin/orders",
      "//api/v1/admin/orders",
      "/API/V1/admin/orders",
      "/api/v1/admin/orders/",
      "/api/v1/admin%2forders",
      "/%61pi/v1/admin/orders",
      "/api/v1/orders/%",
      "/api/v1/orders/%ff",
      "/api/v1/orders/a%00b",
      "/api/v1/orders/a%0d%0aSet-Cookie:%20a=b",
      "\\..\\..\\windows",
      "*",
      "/~node/options",
      "/api/v1/$node/options",
      "/api/v1/users/get",
      "/v1.users.get",
      "http://elsewhere.example/api/v1/admin/orders",
    ]) {
      const { statuses, text } = await sendRaw(
        shop.api,
        request(`GET ${path} HTTP/1.1`, [`Authorization: ${shop.owner.headers.authorization}`]),
      );
      expect([path, statuses.length, (statuses[0] as number) >= 400 && (statuses[0] as number) < 500]).toEqual([path, 1, true]);
      expect(text).not.toMatch(/root:|"name": "molecart"|Set-Cookie/i);
    }
  });

  test("and methods are what they are: no header and no field makes another of them", async () => {
    const product = await shop.newProduct();
    const path = `/api/v1/products/${product.id}`;
    for (const name of ["x-http-method-override", "x-http-method", "x-method-override"])
      for (const method of ["GET", "POST"])
        await send(shop.api, { method, path, headers: { ...shop.staff.headers, [name]: "DELETE" } });
    await send(shop.api, { method: "GET", path: `${path}?_method=DELETE`, headers: shop.staff.headers });
    expect((await shop.ok({ method: "GET", path })).status).toBe("published");
    for (const method of ["TRACE", "CONNECT", "PROPFIND", "PURGE", "LINK", "DELETE", "get", "FOO"]) {
      const { statuses, text } = await sendRaw(
        shop.api,
        request(`${method} /api/v1/categories HTTP/1.1`, ["X-Secret: to be echoed"]),
      );
      expect([method, statuses.filter((status) => status < 400 || status >= 500)]).toEqual([method, []]);
      expect(text).not.toContain("to be echoed");
    }
  });

  test("the name of the host that a client gives is believed by nobody", async () => {
    for (const path of ["/openapi.json", "/docs", "/api/v1/categories", "/nowhere", "/asyncapi.json"]) {
      const headers = [
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: https",
        "Forwarded: host=evil.example",
        "X-Original-URL: /api/v1/admin/orders",
      ];
      const { text } = await sendRaw(
        shop.api,
        request(`GET ${path} HTTP/1.1`, headers).replace("Host: shop.example", "Host: evil.example"),
      );
      expect([path, text.includes("evil.example")]).toEqual([path, false]);
    }
  });
});

describe("Headers", () => {
  test("that come back in the answer bring nothing along", async () => {
    for (const value of ["a\tb", "a b", "ü", "a".repeat(129), '"}', "<script>", "%0d%0aSet-Cookie:a=b", "a,b"]) {
      const { text } = await sendRaw(
        shop.api,
        Buffer.from(request("GET /health/live HTTP/1.1", [`X-Request-Id: ${value}`]), "utf8"),
      );
      expect(text).toMatch(/X-Request-Id: [A-Za-z0-9._:-]{1,128}\r\n/i);
      expect(text.toLowerCase()).not.toContain("set-cookie");
    }
    for (const value of ["a\rSet-Cookie: a=b", "a\nSet-Cookie: a=b", "a\r\n Set-Cookie: a=b", "a\0b"]) {
      const { text } = await sendRaw(shop.api, request("GET /health/live HTTP/1.1", [`X-Request-Id: ${value}`]));
      expect(text).not.toMatch(/^set-cookie/im);
    }
  });

  test("of another origin are let in by nobody's word", async () => {
    for (const origin of ["https://evil.example", "null", "http://127.0.0.1:3000.evil.example", "https://"]) {
      const { headers } = await send(shop.api, { method: "GET", path: "/api/v1/me", headers: { ...shop.owner.headers, origin } });
      expect([headers.get("access-control-allow-origin"), headers.get("access-control-allow-credentials")]).toEqual([null, null]);
    }
  });
});

describe("One request is one request:", () => {
  const smuggled = "GET /api/v1/admin/orders HTTP/1.1\r\nHost: shop.example\r\n\r\n";
  const post = (headers: readonly string[], body: string) =>
    ["POST /api/v1/auth/login HTTP/1.1", "Host: shop.example", "Content-Type: application/json", ...headers, "", body].join(
      "\r\n",
    );

  test.each<[string, string]>([
    ["a length and chunks", post(["Content-Length: 4", "Transfer-Encoding: chunked"], `0\r\n\r\n${smuggled}`)],
    ["chunks and a length", post(["Transfer-Encoding: chunked", "Content-Length: 200"], `0\r\n\r\n${smuggled}`)],
    ["two lengths", post(["Content-Length: 0", `Content-Length: ${smuggled.length}`], smuggled)],
    ["a list of lengths", post(["Content-Length: 0, 5"], smuggled)],
    ["a length with a sign", post(["Content-Length: +0"], smuggled)],
    ["a negative length", post(["Content-Length: -1"], smuggled)],
    ["a length in hex", post(["Content-Length: 0x0"], smuggled)],
    ["chunks of another name", post(["Transfer-Encoding: xchunked"], `0\r\n\r\n${smuggled}`)],
    ["chunks that are not last", post(["Transfer-Encoding: chunked, identity"], `0\r\n\r\n${smuggled}`)],
    ["a space before the colon", post(["Transfer-Encoding : chunked"], `0\r\n\r\n${smuggled}`)],
    ["a tab before the name", post(["\tTransfer-Encoding: chunked"], `0\r\n\r\n${smuggled}`)],
    ["a chunk of a wrong size", post(["Transfer-Encoding: chunked"], `zz\r\nabc\r\n0\r\n\r\n${smuggled}`)],
    ["a chunk that is longer than it says", post(["Transfer-Encoding: chunked"], `1\r\nabc\r\n0\r\n\r\n${smuggled}`)],
    ["a chunk of an endless size", post(["Transfer-Encoding: chunked"], `${"f".repeat(40)}\r\nabc\r\n${smuggled}`)],
    ["lines that end in CR alone", post(["X: a\rTransfer-Encoding: chunked"], `0\r\n\r\n${smuggled}`)],
    ["a header without a name", post([": a"], smuggled)],
    ["a NUL in a name", post(["Content\0-Length: 0"], smuggled)],
    ["another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
  ])("%s", async (_, content) => {
    for (const address of [shop.api, shop.payments]) {
      const { statuses, text } = await sendRaw(address, content);
      expect(statuses.length).toBeLessThanOrEqual(1);
      for (const status of statuses) expect([status, status >= 400 && status < 500]).toEqual([status, true]);
      expect(text).not.toMatch(/UNAUTHENTICATED|INVALID_CREDENTIALS/);
    }
    expect((await send(shop.api, { method: "GET", path: "/health/live" })).status).toBe(200);
  });

  test("one that names no host is none for the gateway", async () => {
    expect((await sendRaw(shop.api, "GET /health/live HTTP/1.1\r\n\r\n")).statuses).toEqual([400]);
  });
});

import { describe, expect, test } from "@jest/globals";
import { Exactly } from "@molecart/mixins/contracts/common.ts";
import { Type } from "typebox";
import { Degraded, part } from "../../../../services/api/part.ts";
import { routeChecks } from "../../../../services/api/request-validation.ts";
import { actionRoute, type Desk, type Route, streamRoute } from "../../../../services/api/route.ts";
import { type Pattern, Router } from "../../../../services/api/router.ts";
import { routes } from "../../../../services/api/routes.ts";

const route = (method: string, path: string): Route => routes.find((r) => r.method === method && r.path === path) as Route;

describe("the table", () => {
  test("has each method and path once", () => {
    const names = routes.map(({ method, path }) => `${method} ${path}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test("opens to the public only what anybody may do", () => {
    const open = routes.filter(({ access }) => access === "public").map(({ method, path }) => `${method} ${path}`);
    expect(open).toEqual([
      "POST /api/v1/auth/register",
      "POST /api/v1/auth/login",
      "POST /api/v1/auth/refresh",
      "POST /api/v1/auth/logout",
      "POST /api/v1/auth/password/forgot",
      "POST /api/v1/auth/password/reset",
      "GET /.well-known/jwks.json",
      "GET /api/v1/products/by-slug/{slug}",
      "GET /api/v1/brands",
      "GET /api/v1/products",
      "GET /api/v1/products/suggest",
      "GET /api/v1/products/{id}",
      "GET /api/v1/products/{id}/detail",
      "GET /api/v1/categories",
      "GET /health/live",
      "GET /health/ready",
      "GET /openapi.json",
      "GET /asyncapi.json",
      "GET /docs",
      "GET /docs/docs.css",
      "GET /docs/docs.js",
    ]);
  });

  test("keeps the shop's own business for staff", () => {
    const forStaff = routes.filter(({ access }) => access === "staff").map(({ method, path }) => `${method} ${path}`);
    expect(forStaff).toEqual([
      "GET /api/v1/products/export",
      "POST /api/v1/products/imports",
      "GET /api/v1/products/imports",
      "GET /api/v1/products/imports/{id}",
      "PATCH /api/v1/products/imports/{id}/content",
      "GET /api/v1/products/imports/{id}/errors",
      "POST /api/v1/products/imports/{id}/cancel",
      "GET /api/v1/products/{id}/history",
      "GET /api/v1/admin/products",
      "POST /api/v1/categories",
      "PATCH /api/v1/categories/{slug}",
      "DELETE /api/v1/categories/{slug}",
      "POST /api/v1/products",
      "PATCH /api/v1/products/{id}",
      "DELETE /api/v1/products/{id}",
      "GET /api/v1/admin/search-index",
      "POST /api/v1/admin/search-index/check",
      "POST /api/v1/admin/search-index/rebuild",
      "GET /api/v1/inventory/{sku}",
      "PUT /api/v1/inventory/{sku}",
      "GET /api/v1/admin/orders",
      "POST /api/v1/admin/shipments/{id}/dispatch",
      "POST /api/v1/admin/shipments/{id}/deliver",
      "POST /api/v1/admin/orders/{id}/refunds",
      "POST /api/v1/admin/returns/{id}/receive",
      "POST /api/v1/admin/returns/{id}/reject",
      "GET /api/v1/admin/payments/findings",
      "GET /api/v1/admin/refunds",
      "POST /api/v1/admin/refunds/{id}/retry",
      "POST /api/v1/admin/refunds/{id}/settle",
      "GET /api/v1/admin/sagas",
      "GET /api/v1/admin/sagas/{id}",
      "GET /api/v1/admin/dead-letters",
      "GET /api/v1/admin/dead-letters/groups",
      "POST /api/v1/admin/dead-letters/groups/{fingerprint}/replay",
      "GET /api/v1/admin/dead-letters/{id}",
      "POST /api/v1/admin/dead-letters/{id}/replay",
      "PUT /api/v1/admin/dead-letters/{id}",
      "DELETE /api/v1/admin/dead-letters/{id}",
    ]);
  });

  test("keeps only what anybody may read", () => {
    const kept = routes.filter(({ cache }) => cache !== undefined);
    expect(kept.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /api/v1/products",
      "GET /api/v1/products/{id}",
      "GET /api/v1/categories",
    ]);
    const base = {
      name: "x",
      method: "GET",
      path: "/x",
      status: 200,
      summary: "",
      action: "v1.users.jwks",
      params: () => ({}),
    } as const;
    actionRoute({ ...base, access: "public", cache: "product" });
    // @ts-expect-error a customer's answer is the customer's
    expect(() => actionRoute({ ...base, access: "customer", cache: "product" })).toThrow("must not be cached");
    // @ts-expect-error so is a guest's
    expect(() => actionRoute({ ...base, access: "guest-or-customer", cache: "product" })).toThrow("must not be cached");
    expect(() => actionRoute({ ...base, method: "POST", access: "public", cache: "product" })).toThrow("must not be cached");
  });

  test("counts tries of passwords and tokens, orders, searches, reads and writes by themselves", () => {
    const limits = Object.groupBy(routes, ({ limit }) => limit);
    expect(limits.credentials?.map(({ path }) => path)).toEqual(
      routes.map(({ path }) => path).filter((path) => path.startsWith("/api/v1/auth/") || path === "/api/v1/me/password"),
    );
    expect(limits.order?.map(({ method, path }) => `${method} ${path}`)).toEqual(["POST /api/v1/orders"]);
    expect(limits.search?.map(({ path }) => path)).toEqual(["/api/v1/products", "/api/v1/products/suggest"]);
    expect(limits.none?.map(({ path }) => path)).toEqual(["/.well-known/jwks.json", "/health/live", "/health/ready"]);
    expect(limits.read?.every(({ method }) => method === "GET")).toBe(true);
    expect(limits.write?.some(({ method }) => method === "GET")).toBe(false);
  });

  test("keeps who may do what for administrators", () => {
    const forAdmins = routes.filter(({ access }) => access === "admin").map(({ method, path }) => `${method} ${path}`);
    expect(forAdmins).toEqual([
      "GET /api/v1/admin/users",
      "GET /api/v1/admin/users/{id}",
      "PUT /api/v1/admin/users/{id}/roles",
      "POST /api/v1/admin/users/{id}/disable",
      "POST /api/v1/admin/users/{id}/enable",
      "GET /api/v1/admin/users/{id}/audit",
      "POST /api/v1/admin/signing-keys/rotate",
    ]);
  });

  test("is closed to API keys where people sign in, and where rights are given", () => {
    const closed = routes
      .filter(({ scope, page }) => scope === undefined && page === undefined)
      .map(({ method, path }) => `${method} ${path}`);
    expect(closed).toEqual([
      "POST /api/v1/auth/register",
      "POST /api/v1/auth/login",
      "POST /api/v1/auth/refresh",
      "POST /api/v1/auth/logout",
      "POST /api/v1/auth/password/forgot",
      "POST /api/v1/auth/password/reset",
      "GET /.well-known/jwks.json",
      "GET /api/v1/me/overview",
      "PUT /api/v1/me/password",
      "GET /api/v1/me/api-keys",
      "POST /api/v1/me/api-keys",
      "DELETE /api/v1/me/api-keys/{id}",
      "GET /api/v1/admin/users",
      "GET /api/v1/admin/users/{id}",
      "PUT /api/v1/admin/users/{id}/roles",
      "POST /api/v1/admin/users/{id}/disable",
      "POST /api/v1/admin/users/{id}/enable",
      "GET /api/v1/admin/users/{id}/audit",
      "POST /api/v1/admin/signing-keys/rotate",
      "GET /health/live",
      "GET /health/ready",
    ]);
  });

  test("lets an API key change nothing that its scope is for reading", () => {
    const wrong = routes.filter(({ method, scope }) => scope?.endsWith(":read") === true && method !== "GET");
    expect(wrong.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  // Whoever sees it is decided by the service that has the thing; that it is told who asks is decided here, for all of them.
  const named = routes.filter(({ access, path, uses }) => access === "customer" && (path.includes("{") || uses.length === 1));
  test.each(named.map((one) => [`${one.method} ${one.path}`, one] as const))("%s says who asks for the thing", async (_, one) => {
    const calls: unknown[] = [];
    const desk = {
      call: async (_name: string, params: unknown) => {
        calls.push(params);
        return { items: [] };
      },
    } as unknown as Desk;
    // A request that claims to be somebody else wherever it can.
    const forged = { userId: "mallory", viewer: { userId: "mallory", roles: ["admin"] } };
    const text = new Proxy(forged, { get: (target, name) => Reflect.get(target, name) ?? "thing" }) as never;
    const caller = { userId: "ada", email: "ada@example.com", name: "Ada", roles: ["customer" as const] };
    const request = {
      path: { ...forged, id: "thing" } as never,
      query: { ...forged },
      body: text,
      caller,
      address: "192.0.2.1",
      cartId: undefined,
      idempotencyKey: "key",
    };
    // Of a stream's read only the call counts here.
    await (one.stream?.read(desk.call, request, 0).catch(() => {}) ?? one.answer(desk, request));
    expect(calls).toHaveLength(1);
    const [params] = calls as [Record<string, unknown>];
    expect(JSON.stringify(params)).toMatch(/"(user:)?ada"/);
    if (one.owner === "self") expect(params.userId).toBe("ada");
    if (one.owner === "viewer") expect(params.viewer).toEqual({ userId: "ada", roles: ["customer"] });
  });

  test("says for each thing of somebody's whose it is", () => {
    const silent = routes.filter(({ access, path, owner }) => access === "customer" && path.includes("{") && owner === undefined);
    expect(silent.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  test("does not compile where the caller's identity is given by hand beside the owner", () => {
    const base = { name: "x", method: "GET", access: "customer", status: 200, summary: "" } as const;
    // @ts-expect-error the route says nothing of an owner, so the action's viewer is missing
    actionRoute({ ...base, path: "/x/{id}", action: "v1.orders.get", params: ({ path }) => ({ orderId: path.id }) });
    expect(
      actionRoute({
        ...base,
        path: "/x/{id}",
        action: "v1.orders.get",
        owner: "viewer",
        params: ({ path }) => ({ orderId: path.id }),
      }).owner,
    ).toBe("viewer");
  });

  test("does not compile with a mapping that its action does not take", () => {
    const base = { name: "x", method: "GET", access: "public", status: 200, summary: "" } as const;
    actionRoute({ ...base, path: "/x/{id}", action: "v1.users.get", params: ({ path }) => ({ userId: path.id }) });
    // @ts-expect-error the action wants userId
    actionRoute({ ...base, path: "/x/{id}", action: "v1.users.get", params: ({ path }) => ({ id: path.id }) });
    // @ts-expect-error userId is text
    actionRoute({ ...base, path: "/x", action: "v1.users.get", params: () => ({ userId: 1 }) });
    // @ts-expect-error the path has no id
    actionRoute({ ...base, path: "/x", action: "v1.users.get", params: ({ path }) => ({ userId: path.id }) });
    // @ts-expect-error nobody may call a public route
    actionRoute({ ...base, path: "/x", action: "v1.users.get", params: ({ caller }) => ({ userId: caller.userId }) });
    // @ts-expect-error a path value without a schema
    actionRoute({ ...base, path: "/x/{thing}", action: "v1.users.jwks", params: () => ({}) });
    // @ts-expect-error the key is not asked for
    actionRoute({ ...base, path: "/x", action: "v1.users.get", params: ({ idempotencyKey }) => ({ userId: idempotencyKey }) });
    // @ts-expect-error there is no such action
    expect(() => actionRoute({ ...base, path: "/x", action: "v1.users.drop", params: () => ({}) })).toThrow();
    expect(actionRoute({ ...base, path: "/x", action: "v1.users.jwks", params: () => ({}) }).uses).toEqual(["v1.users.jwks"]);
  });
});

describe("a stream in the table", () => {
  test("names its action and the data of each event, and takes an event's id by query", () => {
    const events = route("GET", "/api/v1/orders/{id}/events");
    expect(events.uses).toEqual(["v1.orders.progress"]);
    expect(Object.keys(events.stream?.events ?? {})).toEqual(["status", "end"]);
    expect(routes.filter(({ stream }) => stream !== undefined)).toEqual([events]);
    const query = { lastEventId: "7" };
    routeChecks(routes).get(events)?.query(query);
    expect(query).toEqual({ lastEventId: 7 });
  });

  test("does not compile for the public, nor with a path value that is not there", () => {
    const stream = {
      name: "x",
      summary: "",
      owner: "viewer",
      uses: [],
      events: {},
      read: () => Promise.reject(new Error("not read")),
    } as const;
    streamRoute({ ...stream, path: "/x/{id}", access: "customer", topic: ({ path, caller }) => path.id + caller.userId });
    // @ts-expect-error whose streams are counted would not be known
    streamRoute({ ...stream, path: "/x/{id}", access: "public", topic: () => "" });
    // @ts-expect-error the path has no id
    streamRoute({ ...stream, path: "/x", access: "customer", topic: ({ path }) => path.id });
  });
});

describe("validation", () => {
  const checks = routeChecks(routes);
  const search = checks.get(route("GET", "/api/v1/products"))?.query as (value: unknown) => void;
  const register = checks.get(route("POST", "/api/v1/auth/register"))?.body as (value: unknown) => void;
  const fieldsOf = (act: () => void): unknown => {
    try {
      act();
      return [];
    } catch (error) {
      return (error as { data: unknown }).data;
    }
  };

  test("reads a query's text as what it stands for and fills in defaults", () => {
    const query = { minPrice: "100" };
    search(query);
    expect(query).toEqual({ minPrice: 100, limit: 20 });
  });

  test("does not read a body's text as anything else", () => {
    const setStock = checks.get(route("PUT", "/api/v1/inventory/{sku}"))?.body as (value: unknown) => void;
    expect(fieldsOf(() => setStock({ onHand: "5" }))).toEqual([{ path: "onHand", message: "must be integer" }]);
    setStock({ onHand: 5 });
  });

  test("names each field that is missing, unknown or wrong", () => {
    expect(fieldsOf(() => register({ email: "no", name: "Ada", admin: true }))).toEqual(
      expect.arrayContaining([
        { path: "password", message: "is required" },
        { path: "admin", message: "is not known" },
        { path: "email", message: 'must match format "email"' },
      ]),
    );
  });

  test("says what is possible where there is a choice", () => {
    expect(fieldsOf(() => search({ sort: "best" }))).toEqual([
      { path: "sort", message: "must be one of relevance, price, -price, name, -name, newest" },
    ]);
  });

  test("refuses a name given twice instead of taking one of them", () => {
    expect(fieldsOf(() => search({ q: ["a", "b"] }))).toEqual([{ path: "q", message: "must be string" }]);
  });

  test("refuses prototype keys as what they are: unknown fields", () => {
    const body = JSON.parse('{"email":"a@example.com","password":"long enough","name":"A","__proto__":{"roles":["admin"]}}');
    expect(fieldsOf(() => register(body))).toEqual([{ path: "__proto__", message: "is not known" }]);
  });

  test("lets nothing through where nothing is expected", () => {
    const deliver = checks.get(route("POST", "/api/v1/admin/shipments/{id}/deliver"));
    expect(fieldsOf(() => deliver?.body({ x: 1 }))).toEqual([{ path: "x", message: "is not known" }]);
    expect(fieldsOf(() => deliver?.query({ x: "1" }))).toEqual([{ path: "x", message: "is not known" }]);
    expect(fieldsOf(() => deliver?.path({ id: "a b" }))).toMatchObject([{ path: "id" }]);
  });

  test("names at most twenty fields", () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`field${n}`, n]));
    expect(fieldsOf(() => search(many))).toHaveLength(20);
  });

  test("compiles every schema of the table", () => {
    for (const [, { path, query, body }] of checks) for (const check of [path, query, body]) fieldsOf(() => check({}));
    const strange = actionRoute({
      name: "x",
      method: "POST",
      path: "/x",
      access: "public",
      status: 200,
      summary: "",
      body: Exactly({ a: Type.String() }),
      action: "v1.users.get",
      params: ({ body }) => ({ userId: body.a }),
    });
    expect(fieldsOf(() => routeChecks([strange]).get(strange)?.body({}))).toEqual([{ path: "a", message: "is required" }]);
  });
});

describe("the router", () => {
  const pattern = (method: string, fullPath: string): Pattern => {
    const shape = new RegExp(`^${fullPath.replaceAll(/:(\w+)/g, "(?<$1>[^/]+)")}$`);
    return { method, fullPath, match: (path) => shape.exec(path)?.groups ?? (shape.test(path) ? {} : false) };
  };
  const router = new Router([
    pattern("GET", "/items"),
    pattern("POST", "/items"),
    pattern("GET", "/items/:id"),
    pattern("DELETE", "/items/:id"),
    pattern("PUT", "/only"),
  ]);

  test("finds fixed paths and paths with values", () => {
    expect(router.find("POST", "/items")?.alias.fullPath).toBe("/items");
    expect(router.find("DELETE", "/items/7")?.params).toEqual({ id: "7" });
    expect(router.find("GET", "/items/7/8")).toBeUndefined();
    expect(router.find("PATCH", "/items")).toBeUndefined();
  });

  test("serves HEAD by GET", () => {
    expect(router.find("HEAD", "/items/7")?.alias.method).toBe("GET");
    expect(router.find("HEAD", "/only")).toBeUndefined();
  });

  test("knows what a path offers", () => {
    expect(router.allowed("/items")).toBe("GET, HEAD, OPTIONS, POST");
    expect(router.allowed("/items/7")).toBe("DELETE, GET, HEAD, OPTIONS");
    expect(router.allowed("/only")).toBe("OPTIONS, PUT");
    expect(router.allowed("/nowhere")).toBe("");
  });
});

describe("a part of an answer", () => {
  const desk = { remainingMs: () => 10_000 };
  const stage = () => {
    const reported: string[] = [];
    return { reported, degraded: new Degraded({ reportPart: (name) => reported.push(name) }) };
  };

  test("is its value", async () => {
    const { degraded } = stage();
    expect(await part("a", 1_000, desk, degraded, async () => 7)).toBe(7);
    expect(degraded.among(["a"])).toEqual([]);
  });

  test("is null and reported when it fails or is late, in the answer's own order", async () => {
    const { degraded, reported } = stage();
    expect(await part("b", 1_000, desk, degraded, () => Promise.reject(new Error("no")))).toBeNull();
    expect(await part("a", 1, desk, degraded, () => new Promise(() => {}))).toBeNull();
    expect(degraded.among(["a", "b", "c"])).toEqual(["a", "b"]);
    expect(reported).toEqual(["b", "a"]);
  });

  test("tells the mesh how long it is waited for: its own deadline, or most of what is left of the request's time", async () => {
    const { degraded } = stage();
    const asked = (deadlineMs: number, remainingMs: number) =>
      part("a", deadlineMs, { remainingMs: () => remainingMs }, degraded, async ({ timeoutMs }) => timeoutMs);
    expect(await asked(1_000, 10_000)).toBe(1_000);
    expect(await asked(1_000, 500)).toBe(400);
  });
});

import { describe, expect, test } from "@jest/globals";
import { Exactly } from "@molecart/mixins/contracts/common.ts";
import { Type } from "typebox";
import { Degraded, part } from "../../../../services/api/part.ts";
import { routeChecks } from "../../../../services/api/request-validation.ts";
import { actionRoute, type Route } from "../../../../services/api/route.ts";
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
      "GET /.well-known/jwks.json",
      "GET /api/v1/products",
      "GET /api/v1/products/suggest",
      "GET /api/v1/products/{id}",
      "GET /api/v1/products/{id}/detail",
      "GET /api/v1/categories",
      "GET /health/live",
      "GET /health/ready",
    ]);
  });

  test("keeps the shop's own business for staff", () => {
    const forStaff = routes.filter(({ access }) => access === "staff").map(({ method, path }) => `${method} ${path}`);
    expect(forStaff).toEqual([
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

  test("does not compile with a mapping that its action does not take", () => {
    const base = { method: "GET", access: "public", status: 200, summary: "" } as const;
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
  const stage = () => {
    const reported: string[] = [];
    return { reported, degraded: new Degraded({ reportPart: (name) => reported.push(name) }) };
  };

  test("is its value", async () => {
    const { degraded } = stage();
    expect(await part("a", Promise.resolve(7), degraded)).toBe(7);
    expect(degraded.among(["a"])).toEqual([]);
  });

  test("is null and reported when it fails or is late, in the answer's own order", async () => {
    const { degraded, reported } = stage();
    expect(await part("b", Promise.reject(new Error("no")), degraded)).toBeNull();
    expect(await part("a", new Promise(() => {}), degraded, 1)).toBeNull();
    expect(degraded.among(["a", "b", "c"])).toEqual(["a", "b"]);
    expect(reported).toEqual(["b", "a"]);
  });
});

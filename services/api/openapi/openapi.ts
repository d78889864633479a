import type { ActionContract } from "@molecart/mixins/contracts/contract.ts";
import { actionsOf, contracts } from "@molecart/mixins/contracts/index.ts";
import { exampleOf } from "@molecart/mixins/openapi/examples.ts";
import { type JsonSchema, pascal, SchemaBook } from "@molecart/mixins/openapi/schema-book.ts";
import type { TSchema } from "typebox";
import { CART_TOKEN } from "../cart-identity.ts";
import { pathSchemas, type Route } from "../route.ts";
import { type PossibleRefusal, refusalsOf } from "./refusals.ts";
import { Problem, schemaDescriptions, schemaModules } from "./schemas.ts";
import { tagDescriptions, tagOf } from "./tags.ts";

type Json = Record<string, unknown>;

export interface OpenApiDocument extends Json {
  openapi: string;
  paths: Record<string, Record<string, Json>>;
  components: { schemas: Record<string, JsonSchema>; responses: Record<string, Json> } & Json;
}

export interface DocumentOptions {
  /** Of the gateway. */
  version: string;
}

const REQUEST_ID = "5d1c7a0e-1f3b-4c58-9a57-2b9d0c6e8f41";

const headers = {
  "X-Request-Id": {
    description: "The request's own id, or a new one. It goes with the request through the whole shop",
    required: true,
    schema: { type: "string", pattern: "^[A-Za-z0-9._:-]{1,128}$" },
    example: REQUEST_ID,
  },
  ETag: {
    description:
      "Of this content. Sent back in If-None-Match, it is answered 304 as long as nothing has changed. A strong one names a version, for If-Match",
    required: true,
    schema: { type: "string" },
    example: 'W/"q8Xw0Zr2Jm5Vt7Yb9Nc1Kd3Lf6H"',
  },
  "Content-Disposition": {
    description: "The file's name",
    required: true,
    schema: { type: "string" },
    example: 'attachment; filename="products.csv"',
  },
  Location: {
    description: "Where the result is to be found",
    required: true,
    schema: { type: "string", format: "uri-reference" },
    example: "/api/v1/orders/0199f0a4-6c1e-7b51-9d0e-2f6c8a1b3d57",
  },
  "X-Cart-Token": {
    description: "The guest's token: keep it, and send it with each request of the cart. A customer's cart needs none",
    schema: { type: "string", pattern: CART_TOKEN.source },
    example: "Zk3vQ9wXr7LmT2yB5nHc8JdF1gPsA4eu",
  },
  "Cache-Control": {
    description: "For how long, and by whom, the answer may be kept without asking again",
    required: true,
    schema: { type: "string" },
    example: "no-cache",
  },
  Age: {
    description: "Seconds since the shop was asked; there where the answer is old because it cannot be asked",
    schema: { type: "integer", minimum: 0 },
    example: 42,
  },
  "X-Degraded": {
    description: "`stale`: a kept answer, older than it should be, because that part of the shop is away",
    schema: { type: "string", enum: ["stale"] },
    example: "stale",
  },
  "RateLimit-Policy": {
    description: "The limit that leaves the least: `q` requests in `w` seconds. Absent where limits are lifted",
    schema: { type: "string", pattern: '^"[a-z]+-[a-z]+";q=[0-9]+;w=[0-9]+$' },
    example: '"read-user";q=1200;w=60',
  },
  RateLimit: {
    description:
      "What is left of it: `r` requests, until the window ends in `t` seconds (draft-ietf-httpapi-ratelimit-headers). Absent where limits are lifted",
    schema: { type: "string", pattern: '^"[a-z]+-[a-z]+";r=[0-9]+;t=[0-9]+$' },
    example: '"read-user";r=1199;t=42',
  },
  "Retry-After": { description: "Seconds to wait", schema: { type: "integer", minimum: 0 }, example: 3 },
  "WWW-Authenticate": { description: "How to sign in", schema: { type: "string" }, example: 'Bearer realm="molecart"' },
};
/** These, as a response names them. */
const answerHeaders = (...names: (keyof typeof headers)[]): Json =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

const rateHeaders = ["RateLimit-Policy", "RateLimit"] as const;

const parameters = {
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    required: true,
    description: "Chosen by the client, new for each order. The same key and request have one effect and one answer",
    schema: { type: "string", minLength: 1, maxLength: 200, pattern: "^[\\x21-\\x7e]+$" },
    example: "order-2026-03-01-0001",
  },
  OptionalIdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    description: "The same key and request have one effect and one answer. Without one, each request is a new one",
    schema: { type: "string", minLength: 1, maxLength: 200, pattern: "^[\\x21-\\x7e]+$" },
    example: "refund-2026-03-01-0001",
  },
  IfNoneMatch: {
    name: "If-None-Match",
    in: "header",
    description: "The ETag of an earlier answer: 304 without a body if it still holds",
    schema: { type: "string" },
    example: 'W/"q8Xw0Zr2Jm5Vt7Yb9Nc1Kd3Lf6H"',
  },
  IfMatch: {
    name: "If-Match",
    in: "header",
    description:
      "The ETag of the version that is to be changed, or `*`: 412 if it is at another one. Without it, the last change wins",
    schema: { type: "string" },
    example: '"3-q8Xw0Zr2Jm5Vt7Yb9Nc1Kd3Lf6H"',
  },
  UploadOffset: {
    name: "Upload-Offset",
    in: "header",
    description: "Where in the file the body begins",
    schema: { type: "string", pattern: "^[0-9]{1,15}$", default: "0" },
    example: "28269623",
  },
  UploadComplete: {
    name: "Upload-Complete",
    in: "header",
    description: "`?0`: more of the file comes in another request",
    schema: { type: "string", enum: ["?0", "?1"], default: "?1" },
    example: "?1",
  },
  RequestId: {
    name: "X-Request-Id",
    in: "header",
    description: "Taken over if it has at most 128 characters of A-Z a-z 0-9 . _ : -",
    schema: { type: "string" },
    example: REQUEST_ID,
  },
  RequestTimeout: {
    name: "Request-Timeout",
    in: "header",
    description:
      "How many seconds the client waits at most: 504 when they are over, and nobody works on the request any more. A longer time than the shop's own is that of the shop",
    schema: { type: "string", pattern: "^[0-9]{1,5}(\\.[0-9]{1,3})?$" },
    example: "2.5",
  },
  Prefer: {
    name: "Prefer",
    in: "header",
    description: "`wait=2` is the same in whole seconds (RFC 7240)",
    schema: { type: "string" },
    example: "wait=2",
  },
  LastEventId: {
    name: "Last-Event-ID",
    in: "header",
    description: "The id of the last event that has arrived: the stream goes on after it",
    schema: { type: "string" },
    example: "2",
  },
};

const headerParametersOf = ({
  method,
  idempotencyKey,
  stream,
  page,
  conditional,
  transfer,
}: Route): (keyof typeof parameters)[] => [
  ...(idempotencyKey === "required" ? (["IdempotencyKey"] as const) : []),
  ...(idempotencyKey === "optional" ? (["OptionalIdempotencyKey"] as const) : []),
  ...(stream ? (["LastEventId"] as const) : []),
  ...(method === "GET" && !stream && !transfer ? (["IfNoneMatch"] as const) : []),
  ...(conditional ? (["IfMatch"] as const) : []),
  ...(transfer?.kind === "upload" ? (["UploadOffset", "UploadComplete"] as const) : []),
  ...(page || transfer ? [] : (["RequestTimeout", "Prefer"] as const)),
  "RequestId",
];

const parameterDescriptions: Readonly<Record<string, string>> = {
  q: "Words to look for",
  category: "A category's slug; its subcategories count",
  brand: "Any of these brands, in any case",
  attribute: "`name:value`: values of one name are alternatives, and one variant must have those of all names",
  available: "Whether anything of the product is in stock",
  format: "Of the file",
  target: "The category that takes what is in it",
  minPrice: "In minor units",
  maxPrice: "In minor units",
  sort: "A minus turns the order around",
  limit: "How many at most",
  cursor: "`nextCursor` of the page before",
  stuck: "Only orders whose saga has not come to an end can be listed",
  olderThanMinutes: "For how long an order has been in its status",
  status: "Only those in this status",
  service: "Only of this service",
  fingerprint: "Only of this group",
};

const securitySchemes = {
  accessToken: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "Of POST /auth/login or /auth/register; good for some minutes, then renewed by POST /auth/refresh",
  },
  cartToken: {
    type: "apiKey",
    in: "header",
    name: "X-Cart-Token",
    description: "A guest's cart. The first answer to a write gives it",
  },
  apiKey: {
    type: "apiKey",
    in: "header",
    name: "X-API-Key",
    description:
      "Of POST /me/api-keys, for programs, in the place of an access token. Good where an operation names a scope that the key has",
  },
};

/** Alternatives; an empty one means: without. What follows `apiKey` is the scope that a key must have. */
const securityOf = ({ access, scope }: Route): Json[] => {
  const signedIn = [{ accessToken: [] }, ...(scope === undefined ? [] : [{ apiKey: [scope] }])];
  // Staff see more where anybody may look; a program may read where it has the scope.
  if (access === "public") return scope === undefined ? [] : [{}, ...signedIn];
  return access === "guest-or-customer" ? [...signedIn, { cartToken: [] }, {}] : signedIn;
};

const audience: Readonly<Record<string, string>> = {
  public: "Anybody may use it.",
  "guest-or-customer": "Anybody may use it: a customer's cart is found by the access token, a guest's by `X-Cart-Token`.",
  customer: "For customers, with an access token. Staff may do what customers may.",
  staff: "For the shop's staff.",
  admin: "For the shop's administrators.",
};

const described = (route: Route): string => {
  if (route.page !== undefined) return audience[route.access] as string;
  const keys = route.scope === undefined ? "Closed to API keys." : `API keys need the scope \`${route.scope}\`.`;
  return `${audience[route.access]} ${keys}`;
};

/** Whether a repeat has no further effect, so that a client may try again when no answer has come. */
const isIdempotent = ({ method, uses, idempotencyKey }: Route): boolean =>
  method === "GET" || idempotencyKey !== undefined || uses.every((action) => actionContract(action).idempotent === true);

const actionContract = (name: string): ActionContract => {
  const [, service, action] = name.split(".") as [string, keyof typeof contracts, string];
  return actionsOf(contracts[service])[action] as ActionContract;
};

const isNothing = (schema: JsonSchema): boolean => schema.type === "null";

/** `{ items: Order[], nextCursor }` -> `OrderPage`; anything else that has no name is named after its operation. */
const nameAnswer = (book: SchemaBook, operationId: string, schema: JsonSchema): string => {
  const { items, nextCursor, ...others } = schema.properties ?? {};
  const item = items === undefined ? undefined : book.nameOf(items.items);
  if (item === undefined || Object.keys(others).length > 0) return `${pascal([operationId])}Answer`;
  return nextCursor === undefined ? `${item}List` : `${item}Page`;
};

/** Names the parts of an answer that no contract exports: the lines of a Shipment are of the type ShipmentLine. */
const nameParts = (book: SchemaBook, owner: string, schema: JsonSchema): void => {
  for (const [property, part] of Object.entries(schema.properties ?? {})) {
    const inner = part.items ?? part;
    const word = part.items === undefined ? property : property.replace(/s$/, "");
    if (inner.properties !== undefined) book.name(inner, pascal([owner, word]));
  }
};

class Generator {
  readonly #book = new SchemaBook(schemaModules, schemaDescriptions);
  readonly #responses = new Map<string, { name: string; response: Json }>();

  constructor() {
    // Told even where only the problems' own schemas use it.
    this.#book.refer(Problem);
  }

  operation(route: Route): Json {
    const { name: operationId } = route;
    const requestBody = this.#requestBody(route, operationId);
    const refusals = [...refusalsOf(route)].map(([status, possible]) => [
      status,
      // One status, two kinds of answers: the health's own, and a problem.
      route.statusOf && status === "503" ? this.#badNews(route, possible) : this.#refusal(status, possible),
    ]);
    return {
      operationId,
      tags: [tagOf(route)],
      summary: route.summary,
      description: described(route),
      "x-access": route.access,
      "x-idempotent": isIdempotent(route),
      security: securityOf(route),
      parameters: this.#parameters(route),
      ...(requestBody && { requestBody }),
      responses: { ...this.#successes(route, operationId), ...Object.fromEntries(refusals) },
    };
  }

  components() {
    const responses = [...this.#responses.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return {
      schemas: this.#book.components(),
      responses: Object.fromEntries(responses.map(({ name, response }) => [name, response])),
      parameters,
      headers,
      securitySchemes,
    };
  }

  #parameters(route: Route): Json[] {
    const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as keyof typeof pathSchemas);
    const inQuery = (route.query as JsonSchema | undefined)?.properties ?? {};
    const required = (route.query as JsonSchema | undefined)?.required ?? [];
    return [
      ...inPath.map((name) => {
        const schema = this.#book.refer(pathSchemas[name]);
        return { name, in: "path", required: true, schema, example: exampleOf(this.#book, schema, name) };
      }),
      ...Object.entries(inQuery).map(([name, given]) => {
        const schema = this.#book.refer(given);
        return {
          name,
          in: "query",
          // What has a default may be left out.
          ...(required.includes(name) && given.default === undefined && { required: true }),
          ...(parameterDescriptions[name] && { description: parameterDescriptions[name] }),
          schema,
          example: exampleOf(this.#book, schema, name),
        };
      }),
      ...headerParametersOf(route).map((name) => ({ $ref: `#/components/parameters/${name}` })),
    ];
  }

  #requestBody({ body, transfer }: Route, operationId: string): Json | undefined {
    // The file as it is: its media type is not looked at.
    if (transfer?.kind === "upload") return { required: true, content: { "application/octet-stream": {} } };
    if (body === undefined) return undefined;
    this.#book.name(body, `${pascal([operationId])}Request`);
    const schema = this.#book.refer(body);
    const required = ((body as JsonSchema).required ?? []).length > 0;
    return { required, content: this.#json(schema) };
  }

  #json(schema: JsonSchema, type = "application/json"): Json {
    return { [type]: { schema, example: exampleOf(this.#book, schema) } };
  }

  #successes(route: Route, operationId: string): Json {
    const { result, status, method, page } = route;
    const plain = answerHeaders("X-Request-Id", ...(route.limit === "none" ? [] : rateHeaders));
    const always = {
      ...plain,
      ...((method === "GET" || route.versionOf) && answerHeaders("ETag", "Cache-Control")),
      ...(route.cache && answerHeaders("Age", "X-Degraded")),
      ...(route.location && answerHeaders("Location")),
      ...(route.access === "guest-or-customer" && answerHeaders("X-Cart-Token")),
    };
    const notModified = method === "GET" && {
      304: { description: "What the If-None-Match header names still holds", headers: always },
    };
    const description = successes[status] ?? "Done";
    if (page !== undefined) {
      const content = {
        [page.type.split(";")[0] as string]: { schema: { type: page.type.includes("json") ? "object" : "string" } },
      };
      return { [status]: { description, headers: always, content }, ...notModified };
    }
    if (route.stream !== undefined) {
      const { events } = route.stream;
      return {
        [status]: { description: this.#stream(events), headers: plain, content: this.#streamContent(operationId, events) },
        204: { description: "Nothing more is to come after the Last-Event-ID: the stream is over", headers: plain },
      };
    }
    if (route.transfer?.kind === "download") {
      const headers = { ...plain, ...answerHeaders("Cache-Control", "Content-Disposition") };
      const types = route.transfer.types.map((type) => [type.split(";")[0] as string, { schema: { type: "string" } }]);
      return { [status]: { description, headers, content: Object.fromEntries(types) } };
    }
    if (isNothing(result as JsonSchema)) return { [status]: { description, headers: always } };
    nameParts(this.#book, this.#book.nameOf(result) ?? operationId, result as JsonSchema);
    this.#book.name(result, nameAnswer(this.#book, operationId, result as JsonSchema));
    const content = this.#json(this.#book.refer(result));
    return {
      [status]: { description, headers: always, content },
      ...notModified,
    };
  }

  #stream(events: Readonly<Record<string, TSchema>>): string {
    const names = Object.keys(events).map((name) => `\`${name}\``);
    return `Server-Sent Events ${names.join(", ")}, each with JSON as its data. Taken up again by the Last-Event-ID header`;
  }

  #streamContent(operationId: string, events: Readonly<Record<string, TSchema>>): Json {
    const named = Object.entries(events).map(([name, data]) => {
      this.#book.name(data, pascal([operationId, name]));
      return [name, this.#book.refer(data)] as const;
    });
    const example = named.map(
      ([name, data], index) => `id: ${index + 1}\nevent: ${name}\ndata: ${JSON.stringify(exampleOf(this.#book, data))}\n\n`,
    );
    // The whole is text; what its events hold stands beside it.
    return {
      "text/event-stream": { schema: { type: "string" }, "x-events": Object.fromEntries(named), example: example.join("") },
    };
  }

  #badNews({ result }: Route, possible: readonly PossibleRefusal[]): Json {
    const problem = this.#problem("503", possible);
    const content = { ...this.#json(this.#book.refer(result)), ...(problem.content as Json) };
    return { ...problem, description: `It cannot work.\n\n${problem.description}`, content };
  }

  /** The same problems of many operations are told once. */
  #refusal(status: string, possible: readonly PossibleRefusal[]): Json {
    const codes = possible.map(({ code }) => code);
    const key = `${status} ${codes.join(" ")}`;
    const known = this.#responses.get(key);
    if (known !== undefined) return { $ref: `#/components/responses/${known.name}` };
    const words = pascal(codes.map((code) => code.toLowerCase()));
    const isTaken = [...this.#responses.values()].some((other) => other.name === words);
    const name = isTaken ? `${words}${status}` : words;
    this.#responses.set(key, { name, response: this.#problem(status, possible) });
    return { $ref: `#/components/responses/${name}` };
  }

  #problem(status: string, possible: readonly PossibleRefusal[]): Json {
    const problem = this.#book.refer(Problem);
    const codes = possible.map((refusal) => refusal.code);
    const waits = status === "429" || status === "503";
    return {
      description: possible.map((refusal) => `\`${refusal.code}\`: ${refusal.meaning}`).join("\n\n"),
      headers: {
        ...answerHeaders("X-Request-Id", ...rateHeaders),
        ...(waits && answerHeaders("Retry-After")),
        ...(codes.includes("UNAUTHENTICATED") && answerHeaders("WWW-Authenticate")),
      },
      content: {
        "application/problem+json": {
          schema: { allOf: [problem, { type: "object", properties: { code: { type: "string", enum: codes } } }] },
          examples: Object.fromEntries(possible.map((refusal) => [refusal.code, { value: exampleProblem(status, refusal) }])),
        },
      },
    };
  }
}

const successes: Readonly<Record<number, string>> = {
  200: "Here it is",
  201: "Made",
  202: "Accepted: the rest happens by itself, and is not lost",
  204: "Done; there is nothing to say",
};

const exampleProblem = (status: string, { code, meaning }: PossibleRefusal): Json => ({
  type: `urn:molecart:problem:${code.toLowerCase().replaceAll("_", "-")}`,
  title: meaning,
  status: status === "4XX" ? 409 : Number(status),
  code,
  detail: meaning,
  requestId: REQUEST_ID,
  ...(code === "VALIDATION_FAILED" && { errors: [{ path: "shippingAddress.city", message: "is required" }] }),
});

const introduction = `An online shop: catalogue, carts, orders, payments, parcels and messages.

Money is \`{ "amount": 12900, "currency": "EUR" }\` in minor units; times are ISO 8601 in UTC; ids are opaque text. Lists answer
\`{ "items": […], "nextCursor": … }\` and take \`limit\` and \`cursor\`. What a schema does not name is refused, in bodies and in queries.

Sign in by \`POST /auth/login\` and send \`Authorization: Bearer …\`, or send an \`X-API-Key\`, which is good for its scopes. Answers are
compressed as \`Accept-Encoding\` asks, and tell what is left of the limits of requests (\`RateLimit\`).

Errors are \`application/problem+json\` (RFC 9457) with a stable \`code\`. An answer 429 or 503 may be repeated after \`Retry-After\`;
a request with an \`Idempotency-Key\` may always be repeated with the same key.

HEAD works wherever GET does. Card numbers never pass this API: the payments listener changes them for tokens, and has a document of
its own at its \`/openapi.json\`.`;

/** The OpenAPI 3.1 document of exactly these routes. Pure: the same routes make the same document. */
export const openApiDocument = (routes: readonly Route[], { version }: DocumentOptions): OpenApiDocument => {
  const generator = new Generator();
  const paths: OpenApiDocument["paths"] = {};
  for (const route of routes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: generator.operation(route) };
  const used = [...new Set(routes.map(tagOf))];
  return {
    openapi: "3.1.1",
    info: {
      title: "Molecart",
      version,
      summary: "The REST API of the shop",
      description: introduction,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "Where this document was served" }],
    tags: used.map((name) => ({ name, ...(tagDescriptions[name] && { description: tagDescriptions[name] }) })),
    paths,
    components: generator.components(),
  };
};

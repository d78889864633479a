import { Exactly } from "@molecart/mixins/contracts/common.ts";
import * as contract from "@molecart/mixins/contracts/payments.ts";
import { exampleOf } from "@molecart/mixins/openapi/examples.ts";
import { type JsonSchema, SchemaBook } from "@molecart/mixins/openapi/schema-book.ts";
import { Type } from "typebox";
import { titles } from "./problem.http.ts";

type Json = Record<string, unknown>;

const Problem = Exactly({
  type: Type.String({ description: "A URN made of the code" }),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.String({ description: "Stable, for programs" }),
  detail: Type.String(),
  requestId: Type.String(),
  errors: Type.Array(Exactly({ path: Type.String(), message: Type.String() })),
});
const Received = Exactly({ received: Type.Literal(true) });
const Live = Exactly({ status: Type.Literal("ok") });
const Ready = Exactly({
  status: Type.Enum(["ok", "degraded", "unavailable"]),
  checks: Type.Record(Type.String(), Exactly({ status: Type.Enum(["ok", "degraded", "failed"]) })),
});

const REQUEST_ID = "5d1c7a0e-1f3b-4c58-9a57-2b9d0c6e8f41";

/** What every request may be refused for before its route looks at it. */
const ofAll = { INTERNAL: 500, SERVICE_UNAVAILABLE: 503, EXPECTATION_FAILED: 417, REQUEST_TIMEOUT: 408, HEADERS_TOO_LARGE: 431 };

const headers = {
  "X-Request-Id": {
    required: true,
    description: "The request's own id, or a new one",
    schema: { type: "string" },
    example: REQUEST_ID,
  },
};

const introduction = `The payments listener: the only part of the shop that sees card numbers, apart from the gateway and the mesh. A card becomes a
token, which is good for one order at \`POST /api/v1/orders\`. Card numbers are neither stored nor logged.`;

/** The OpenAPI 3.1 document of the payments listener. Pure. */
export const paymentsDocument = ({ version }: { version: string }): Json => {
  const { NewToken, Token, Card } = contract;
  const book = new SchemaBook({ payments: { NewToken, Token, Card }, listener: { Problem, Received, Ready } });

  const json = (schema: unknown): Json => {
    const named = book.refer(schema);
    return { "application/json": { schema: named, example: exampleOf(book, named) } };
  };
  const refusals = (codes: Record<string, number>): Json => {
    const byStatus = Object.groupBy(Object.entries({ ...codes, ...ofAll }), ([, status]) => String(status));
    return Object.fromEntries(
      Object.entries(byStatus).map(([status, refused = []]) => {
        const schema: JsonSchema = {
          allOf: [
            book.refer(Problem),
            { type: "object", properties: { code: { type: "string", enum: refused.map(([code]) => code) } } },
          ],
        };
        const examples = refused.map(([code]) => [code, { value: exampleProblem(code, Number(status)) }]);
        const description = refused.map(([code]) => `\`${code}\`: ${titles[code]}`).join("\n\n");
        return [
          status,
          { description, headers, content: { "application/problem+json": { schema, examples: Object.fromEntries(examples) } } },
        ];
      }),
    );
  };
  const parameters = [
    {
      name: "X-Request-Id",
      in: "header",
      description: "Taken over if it could not be a card's number",
      schema: { type: "string" },
      example: REQUEST_ID,
    },
  ];
  const health = (operationId: string, summary: string, schema: unknown): Json => ({
    operationId,
    summary,
    tags: ["Health"],
    "x-idempotent": true,
    security: [],
    parameters,
    responses: { ...refusals({}), 200: { description: "Here it is", headers, content: json(schema) } },
  });
  const ready = health("getPaymentsReadiness", "Whether payments and what it needs are there", Ready);
  const unready = (ready.responses as Record<string, { content: Json }>)[503] as { content: Json };
  unready.content = { ...unready.content, ...json(Ready) };

  const paths = {
    "/tokens": {
      post: {
        operationId: "createCardToken",
        summary: "Changes a card for a token",
        tags: ["Cards"],
        // A repeat makes another token: the one that is not used expires.
        "x-idempotent": true,
        security: [],
        parameters,
        requestBody: { required: true, content: json(NewToken) },
        responses: {
          ...refusals({
            MALFORMED_JSON: 400,
            BODY_TOO_LARGE: 413,
            UNSUPPORTED_MEDIA_TYPE: 415,
            VALIDATION_FAILED: 422,
            INVALID_CARD: 422,
            CARD_NOT_SUPPORTED: 422,
          }),
          201: { description: "Made", headers, content: json(Token) },
        },
      },
    },
    "/webhooks/{provider}": {
      post: {
        operationId: "receiveProviderEvent",
        summary: "Takes an event of the payment provider; each is handled once, however often it comes",
        tags: ["Webhooks"],
        "x-idempotent": true,
        security: [{ signature: [] }],
        parameters: [
          { name: "provider", in: "path", required: true, schema: { type: "string" }, example: "sandbox" },
          ...parameters,
        ],
        requestBody: {
          required: true,
          description: "As the provider sends it: the signature is over its bytes",
          content: { "application/json": { schema: { type: "object" }, example: { id: "evt_1", type: "charge.succeeded" } } },
        },
        responses: {
          ...refusals({
            INVALID_SIGNATURE: 401,
            PROVIDER_NOT_FOUND: 404,
            BODY_TOO_LARGE: 413,
            MALFORMED_JSON: 400,
            VALIDATION_FAILED: 422,
          }),
          200: { description: "Stored, with its effect", headers, content: json(Received) },
        },
      },
    },
    "/health/live": { get: health("getPaymentsLiveness", "The process answers", Live) },
    "/health/ready": { get: ready },
    "/openapi.json": { get: health("getPaymentsDocument", "This document", Type.Object({ openapi: Type.String() })) },
  };
  return {
    openapi: "3.1.1",
    info: { title: "Molecart payments", version, description: introduction, license: { name: "MIT", identifier: "MIT" } },
    servers: [{ url: "/", description: "Where this document was served" }],
    tags: ["Cards", "Webhooks", "Health"].map((name) => ({ name })),
    paths,
    components: {
      schemas: book.components(),
      securitySchemes: {
        signature: {
          type: "apiKey",
          in: "header",
          name: "x-sandbox-signature",
          description: "By the provider's secret, over time and body",
        },
      },
    },
  };
};

const exampleProblem = (code: string, status: number): Json => ({
  type: `urn:molecart:problem:${code.toLowerCase().replaceAll("_", "-")}`,
  title: titles[code],
  status,
  code,
  detail: titles[code],
  requestId: REQUEST_ID,
  errors: code === "VALIDATION_FAILED" ? [{ path: "cvc", message: "is required" }] : [],
});

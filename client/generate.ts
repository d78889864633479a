/** Writes `shop-api.ts` from the OpenAPI documents of the gateway and of the payments listener: `npm run generate`. */
import { writeFileSync } from "node:fs";
import { openApiDocument } from "../services/api/openapi/openapi.ts";
import { routes } from "../services/api/routes.ts";
import { paymentsDocument } from "../services/payments/openapi.http.ts";
import manifest from "./package.json" with { type: "json" };

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  patternProperties?: Record<string, Schema>;
  description?: string;
  default?: unknown;
}
interface Parameter {
  $ref?: string;
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema: Schema;
}
type Content = Record<string, { schema: Schema; "x-events"?: Record<string, Schema> }>;
interface Described {
  operationId: string;
  summary: string;
  "x-idempotent"?: boolean;
  parameters?: Parameter[];
  requestBody?: { required: boolean; content: Content };
  responses: Record<string, { $ref?: string; content?: Content; headers?: Record<string, unknown> }>;
}
interface Document {
  paths: Record<string, Record<string, Described>>;
  components: {
    schemas: Record<string, Schema>;
    parameters?: Record<string, Parameter>;
    responses?: Record<string, { content?: Content }>;
  };
}

const nameOf = (ref: string): string => ref.slice(ref.lastIndexOf("/") + 1);
const quote = (value: unknown): string => JSON.stringify(value);
const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name));
const comment = (text: string | undefined, indent = ""): string =>
  text === undefined ? "" : `${indent}/** ${text.replaceAll("*/", "* /").replaceAll(/\n+/g, ` \n${indent} * `)} */\n`;

/** A schema as a type. */
const typeOf = (schema: Schema): string => {
  if (schema.$ref !== undefined) return nameOf(schema.$ref);
  if (schema.const !== undefined) return quote(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(quote).join(" | ");
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.allOf !== undefined) return schema.allOf.map(typeOf).join(" & ");
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type })).join(" | ");
  switch (schema.type) {
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    case "integer":
    case "number":
      return "number";
    case "array": {
      const item = typeOf(schema.items ?? {});
      return /[|&]/.test(item) ? `(${item})[]` : `${item}[]`;
    }
    case "object":
      return objectOf(schema);
    default:
      return "unknown";
  }
};

const objectOf = ({ properties, required = [], additionalProperties, patternProperties }: Schema): string => {
  if (properties === undefined || Object.keys(properties).length === 0) {
    const values = typeof additionalProperties === "object" ? additionalProperties : Object.values(patternProperties ?? {})[0];
    return `Record<string, ${values === undefined ? "unknown" : typeOf(values)}>`;
  }
  const fields = Object.entries(properties).map(([name, schema]) => {
    const optional = !required.includes(name) || schema.default !== undefined ? "?" : "";
    return `${comment(schema.description, "  ")}  ${key(name)}${optional}: ${typeOf(schema)};`;
  });
  return `{\n${fields.join("\n")}\n}`;
};

const declarationOf = ([name, schema]: [string, Schema]): string =>
  `${comment(schema.description)}export type ${name} = ${typeOf(schema)};\n`;

interface Generated {
  id: string;
  summary: string;
  args: string;
  argsRequired: boolean;
  result: string;
  events: string | undefined;
  codes: string[];
  descriptor: string;
}

const generate = (document: Document, server: "shop" | "payments"): Generated[] => {
  const parameterOf = (given: Parameter): Parameter =>
    given.$ref === undefined ? given : (document.components.parameters?.[nameOf(given.$ref)] as Parameter);
  const contentOf = (response: { $ref?: string; content?: Content }): Content =>
    (response.$ref === undefined ? response : document.components.responses?.[nameOf(response.$ref)])?.content ?? {};

  const one = (path: string, method: string, operation: Described): Generated => {
    const parameters = (operation.parameters ?? []).map(parameterOf);
    const values = parameters.filter((parameter) => parameter.in === "path" || parameter.in === "query");
    const takesKey = parameters.some(({ name }) => name === "Idempotency-Key");
    const body = operation.requestBody;
    const json = body?.content["application/json"];
    const bodyType = body && (json ? typeOf(json.schema) : "string | Uint8Array<ArrayBuffer> | Blob");
    const args = [
      ...values.map(
        ({ name, required, description, schema }) =>
          `${comment(description)}${key(name)}${required ? "" : "?"}: ${typeOf(schema)};`,
      ),
      ...(bodyType ? [`body${body.required ? "" : "?"}: ${bodyType};`] : []),
      ...(takesKey
        ? [
            "/** Made where it is absent: give one to make a request again that an earlier process has begun. */\nidempotencyKey?: string;",
          ]
        : []),
    ];
    const [success] = Object.entries(operation.responses).filter(([status]) => status.startsWith("2"));
    const content = contentOf(success?.[1] ?? {});
    const events = content["text/event-stream"]?.["x-events"];
    const [type, media] = Object.entries(content)[0] ?? [];
    const problems = Object.values(operation.responses).flatMap((response) => codesOf(contentOf(response)));
    const streams = content["text/event-stream"] !== undefined;
    const isFile = Object.values(operation.responses).some(({ headers }) => headers?.["Content-Disposition"] !== undefined);
    const file = body && !json ? "sent" : isFile ? "answered" : undefined;
    return {
      id: operation.operationId,
      summary: operation.summary,
      args: args.length === 0 ? "Record<never, never>" : `{\n${args.join("\n")}\n}`,
      argsRequired: values.some(({ required }) => required) || body?.required === true,
      result: media === undefined ? "null" : type?.includes("json") ? typeOf(media.schema) : "string",
      events: streams ? eventsOf(events ?? {}) : undefined,
      codes: [...new Set(problems)].sort(),
      descriptor: quote({
        id: operation.operationId,
        server,
        method: method.toUpperCase(),
        path,
        query: values.filter((parameter) => parameter.in === "query").map(({ name }) => name),
        idempotencyKey: takesKey,
        idempotent: operation["x-idempotent"] === true,
        streams,
        ...(file && { file }),
      }),
    };
  };
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => one(path, method, operation)),
  );
};

const codesOf = (content: Content): string[] => {
  const parts = content["application/problem+json"]?.schema.allOf ?? [];
  return parts.flatMap(({ properties }) => (properties?.code?.enum as string[] | undefined) ?? []);
};

const eventsOf = (events: Record<string, Schema>): string =>
  Object.entries(events)
    .map(([name, data]) => `{ id: string | undefined; event: ${quote(name)}; data: ${typeOf(data)} }`)
    .join(" | ");

const methodOf = ({ id, summary, argsRequired, codes, events }: Generated): string => {
  const args = `args${argsRequired ? "" : "?"}: Operations["${id}"]["args"], options?: RequestOptions`;
  const told = comment(`${summary}.\n${codes.length === 0 ? "" : `Problems: ${codes.join(", ")}`}`, "  ");
  return events === undefined
    ? `${told}  ${id}(${args}): Promise<Operations["${id}"]["result"]> {\n    return this.send(operations.${id}, args, options) as never;\n  }\n`
    : `${told}  ${id}(${args}): AsyncGenerator<Operations["${id}"]["result"]> {\n    return this.stream(operations.${id}, args, options) as never;\n  }\n`;
};

/** The text of `shop-api.ts`. */
export const generateClient = (): string => {
  const shop = openApiDocument(routes, manifest) as unknown as Document;
  const payments = paymentsDocument(manifest) as unknown as Document;
  const all = [...generate(shop, "shop"), ...generate(payments, "payments")];
  // The gateway's words win where both documents have them: a problem is a problem.
  const schemas = Object.entries({ ...payments.components.schemas, ...shop.components.schemas }).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return `// Generated by generate.ts from the OpenAPI documents. Do not edit: change the routes or the contracts, and run "npm run generate".
import type { RequestOptions } from "./client.ts";
import type { ServerEvent } from "./server-events.ts";

${schemas.map(declarationOf).join("\n")}
/** What a request of each operation takes, what it answers, and the codes of the problems that it may answer. */
export interface Operations {
${all
  .map(
    ({ id, args, result, events, codes }) =>
      `  ${id}: {\n    args: ${args};\n    result: ${events ?? result};\n    code: ${codes.map(quote).join(" | ") || "never"};\n  };`,
  )
  .join("\n")}
}
export type OperationId = keyof Operations;
export type ProblemCode<O extends OperationId> = Operations[O]["code"];

export interface Operation {
  id: string;
  server: "shop" | "payments";
  method: string;
  path: string;
  query: readonly string[];
  /** It takes an Idempotency-Key. */
  idempotencyKey: boolean;
  /** A repeat has no further effect. */
  idempotent: boolean;
  /** Its answer is a stream of events. */
  streams: boolean;
  /** Its body, or its answer, is a file. */
  file?: "sent" | "answered";
}
export type OperationArgs = Record<string, unknown>;

export const operations = {
${all.map(({ id, descriptor }) => `  ${id}: ${descriptor},`).join("\n")}
} as const satisfies Record<OperationId, Operation>;

/** A method for each operation. */
export abstract class ShopApi {
  protected abstract send(operation: Operation, args?: OperationArgs, options?: RequestOptions): Promise<unknown>;
  protected abstract stream(operation: Operation, args?: OperationArgs, options?: RequestOptions): AsyncGenerator<ServerEvent>;

${all.map(methodOf).join("\n")}}
`;
};

export const CLIENT_FILE = new URL("./shop-api.ts", import.meta.url);

if (import.meta.main) {
  writeFileSync(CLIENT_FILE, generateClient());
  console.log(`Written: ${CLIENT_FILE.pathname}`);
}

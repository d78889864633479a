import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { readServerEvents, type ServerEvent } from "../../client/server-events.ts";

// biome-ignore lint/suspicious/noExplicitAny: a document is looked into by paths
type Any = any;

export interface DocumentedOperation {
  operationId: string;
  method: string;
  path: string;
  access: string;
  hasBody: boolean;
}

export interface Sent {
  path?: Record<string, string>;
  query?: Record<string, unknown>;
  headers?: Record<string, string>;
  body?: unknown;
  /** In the place of `body`: as it is. */
  raw?: string;
  /** Of a stream: how many events are waited for, unless it ends before; 1 where it is absent. */
  events?: number;
}

export interface Answered {
  status: number;
  headers: Headers;
  /** Of a stream: its events. */
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into answers of every shape
  body: any;
}

const pointer = (steps: readonly string[]): string =>
  steps.map((step) => encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");

/** Calls the operations of an OpenAPI document, and lets no answer pass that the document does not allow. */
export class Documented {
  readonly #document: Any;
  readonly #address: string;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();
  /** `getOrder 200`, `getOrder 404 ORDER_NOT_FOUND` */
  readonly seen = new Set<string>();

  constructor(document: unknown, address: string) {
    this.#document = document;
    this.#address = address;
    (addFormats as unknown as (ajv: Ajv2020) => void)(this.#ajv);
    this.#ajv.addSchema({ $id: "http://molecart.example/document", ...(document as object) });
  }

  get operations(): DocumentedOperation[] {
    return Object.entries(this.#document.paths as Record<string, Record<string, Any>>).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        operationId: operation.operationId,
        method: method.toUpperCase(),
        path,
        access: operation["x-access"] ?? "public",
        hasBody: operation.requestBody !== undefined,
      })),
    );
  }

  /** What the document says against each of its own examples; a sentence each. */
  badExamples(): string[] {
    const found: string[] = [];
    const walk = (node: Any, steps: string[]): void => {
      if (typeof node !== "object" || node === null) return;
      const examples = [
        ...(node.example === undefined ? [] : [node.example]),
        ...Object.values((node.examples ?? {}) as Record<string, Any>).map(({ value }) => value),
      ];
      if (node.schema !== undefined)
        for (const example of examples) {
          const errors = this.#validate([...steps, "schema"], example);
          if (errors !== undefined) found.push(`${steps.join(" ")}: ${errors}`);
        }
      for (const [key, value] of Object.entries(node)) if (key !== "example" && key !== "examples") walk(value, [...steps, key]);
    };
    walk(this.#document.paths, ["paths"]);
    walk(this.#document.components, ["components"]);
    return found;
  }

  async call(operationId: string, { path = {}, query = {}, headers = {}, body, raw, events = 1 }: Sent = {}): Promise<Answered> {
    const operation = this.operations.find((one) => one.operationId === operationId);
    if (operation === undefined) throw new Error(`The document has no operation ${operationId}`);
    const filled = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => {
      if (path[name] === undefined) throw new Error(`${operationId}: ${name} is missing`);
      return path[name];
    });
    const search = new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]));
    const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(`${this.#address}${filled}${search.size === 0 ? "" : `?${search}`}`, {
      method: operation.method,
      headers: { ...(content !== undefined && { "content-type": "application/json" }), ...headers },
      ...(content !== undefined && { body: content }),
      signal: AbortSignal.timeout(10_000),
    });
    return this.#check(operation, response, events);
  }

  async #check({ operationId, path, method }: DocumentedOperation, response: Response, events: number): Promise<Answered> {
    const { status, headers } = response;
    const type = headers.get("content-type")?.split(";")[0];
    const isStream = type === "text/event-stream";
    const told = isStream ? await readSome(response, events) : undefined;
    const text = isStream ? "" : await response.text();
    const what = `${operationId} answered ${status}${text === "" ? "" : ` ${text.slice(0, 500)}`}`;

    const steps = ["paths", path, method.toLowerCase(), "responses"];
    const responses = this.#at(steps);
    const key = [String(status), `${Math.floor(status / 100)}XX`].find((one) => responses[one] !== undefined);
    if (key === undefined) throw new Error(`Not documented: ${what}`);
    const [described, at] = this.#follow(responses[key], [...steps, key]);
    for (const [name, given] of Object.entries((described.headers ?? {}) as Record<string, Any>)) {
      const [header, there] = this.#follow(given, [...at, "headers", name]);
      const value = headers.get(name);
      if (header.required && value === null) throw new Error(`Without ${name}: ${what}`);
      const errors =
        value === null
          ? undefined
          : this.#validate([...there, "schema"], header.schema.type === "integer" ? Number(value) : value);
      if (errors !== undefined) throw new Error(`${name}: ${value} is not as documented (${errors}): ${what}`);
    }
    if (described.content === undefined) {
      if (text !== "") throw new Error(`A body is not documented: ${what}`);
      this.seen.add(`${operationId} ${status}`);
      return { status, headers, body: undefined };
    }
    if (type === undefined || described.content[type] === undefined) throw new Error(`${type} is not documented: ${what}`);
    const content = [...at, "content", type];
    const isJson = type.includes("json");
    const body = told ?? (isJson ? JSON.parse(text) : text);
    const errors = told === undefined ? this.#validate([...content, "schema"], body) : this.#wrongEvents(content, told);
    if (errors !== undefined) throw new Error(`Not as documented (${errors}): ${what}`);
    this.seen.add(type === "application/problem+json" ? `${operationId} ${status} ${body.code}` : `${operationId} ${status}`);
    return { status, headers, body };
  }

  #wrongEvents(content: readonly string[], told: readonly ServerEvent[]): string | undefined {
    const known = Object.keys(this.#at([...content, "x-events"]));
    const wrong = told.flatMap(({ event, data }) => {
      if (!known.includes(event)) return [`there is no event ${event}`];
      const errors = this.#validate([...content, "x-events", event], data);
      return errors === undefined ? [] : [`${event}: ${errors}`];
    });
    return wrong.length === 0 ? undefined : wrong.join("; ");
  }

  #at(steps: readonly string[]): Any {
    return steps.reduce((node, step) => node[step], this.#document);
  }

  #follow(node: Any, steps: string[]): [Any, string[]] {
    if (node.$ref === undefined) return [node, steps];
    const there = (node.$ref as string).slice(2).split("/");
    return [this.#at(there), there];
  }

  #validate(steps: readonly string[], value: unknown): string | undefined {
    const ref = `http://molecart.example/document#/${pointer(steps)}`;
    const validate = this.#validators.get(ref) ?? this.#ajv.compile({ $ref: ref });
    this.#validators.set(ref, validate);
    return validate(value) ? undefined : this.#ajv.errorsText(validate.errors);
  }
}

/** The first events of a stream; what comes after them is not read. */
const readSome = async ({ body }: Response, count: number): Promise<ServerEvent[]> => {
  const told: ServerEvent[] = [];
  for await (const event of readServerEvents(body as ReadableStream<Uint8Array>)) {
    told.push(event);
    if (told.length === count) break;
  }
  return told;
};

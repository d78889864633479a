import { type JsonSchema, nameOf } from "@molecart/mixins/openapi/schema-book.ts";
import type { OpenApiDocument } from "./openapi.ts";

type Json = Record<string, unknown>;

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escapeHtml = (text: unknown): string => String(text).replace(/[&<>"']/g, (character) => escapes[character] as string);

/** `code` in a line of Markdown. */
const inline = (text: unknown): string => escapeHtml(text).replace(/`([^`]+)`/g, "<code>$1</code>");

/** Of Markdown, what the documents use: paragraphs and code. */
const prose = (text: unknown): string =>
  String(text ?? "")
    .split("\n\n")
    .map((paragraph) => `<p>${inline(paragraph)}</p>`)
    .join("");

const pretty = (value: unknown): string => escapeHtml(JSON.stringify(value, null, 2));

/** What a value may be, in a few words. */
const limitsOf = (schema: JsonSchema): string => {
  const told: string[] = [];
  const tell = (keyword: string, words: (value: unknown) => string): void => {
    if (schema[keyword] !== undefined) told.push(words(schema[keyword]));
  };
  tell("format", (value) => String(value));
  tell("minimum", (value) => `≥ ${value}`);
  tell("maximum", (value) => `≤ ${value}`);
  tell("minLength", (value) => `${value}+ characters`);
  tell("maxLength", (value) => `at most ${value} characters`);
  tell("minItems", (value) => `${value}+ items`);
  tell("maxItems", (value) => `at most ${value} items`);
  tell("default", (value) => `default ${JSON.stringify(value)}`);
  tell("pattern", (value) => String(value));
  return told.length === 0 ? "" : ` <small>${escapeHtml(told.join(" · "))}</small>`;
};

/** A schema's type as a line of HTML, with links to the named ones. */
const typeOf = (schema: JsonSchema): string => {
  if (schema.$ref !== undefined) return `<a href="#schema-${nameOf(schema.$ref)}">${nameOf(schema.$ref)}</a>`;
  if (schema.const !== undefined) return `<code>${escapeHtml(JSON.stringify(schema.const))}</code>`;
  if (schema.enum !== undefined) return schema.enum.map((value) => `<code>${escapeHtml(value)}</code>`).join(" | ");
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.allOf !== undefined) return schema.allOf.map(typeOf).join(" &amp; ");
  if (schema.type === "array") return `${typeOf(schema.items ?? {})}[]`;
  if (schema.type === "object" && schema.properties !== undefined) return `object ${fields(schema)}`;
  if (typeof schema.additionalProperties === "object") return `map of ${typeOf(schema.additionalProperties)}`;
  return `${escapeHtml(schema.type ?? "anything")}${limitsOf(schema)}`;
};

const fields = ({ properties = {}, required = [] }: JsonSchema): string =>
  `<table class="fields">${Object.entries(properties)
    .map(([name, schema]) => {
      const described = schema.description === undefined ? "" : `<p>${escapeHtml(schema.description)}</p>`;
      const optional = required.includes(name) ? "" : " <small>optional</small>";
      return `<tr><th scope="row"><code>${escapeHtml(name)}</code>${optional}</th><td>${typeOf(schema)}${described}</td></tr>`;
    })
    .join("")}</table>`;

interface Reference {
  $ref?: string;
}

interface Operation {
  operationId: string;
  summary: string;
  description: string;
  tags: string[];
  parameters: (Parameter & Reference)[];
  requestBody?: { content: Record<string, { schema: JsonSchema; example: unknown }> };
  responses: Record<string, Response>;
}
type Response = Json & Reference;

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema: JsonSchema;
  example?: unknown;
}

/** What almost every request may bring is told once. */
const common = ["IfNoneMatch", "RequestTimeout", "Prefer", "RequestId"].map((name) => `#/components/parameters/${name}`);

/** Written out, but for what is the same everywhere. */
class Page {
  readonly #document: OpenApiDocument;
  readonly #usual: ReadonlySet<string>;
  constructor(document: OpenApiDocument) {
    this.#document = document;
    this.#usual = usualRefusals(document);
  }

  render(): string {
    const { info, tags, paths, components } = this.#document as unknown as {
      info: Record<string, string>;
      tags: { name: string; description?: string }[];
    } & OpenApiDocument;
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation: operation as unknown as Operation })),
    );
    const ofTag = (tag: string) => operations.filter(({ operation }) => operation.tags.includes(tag));
    const links = tags.map(
      ({ name }) =>
        `<li><a href="#tag-${anchor(name)}">${escapeHtml(name)}</a><ul>${ofTag(name)
          .map(
            ({ method, operation }) =>
              `<li><a href="#${operation.operationId}"><b class="${method}">${method}</b> ${operation.operationId}</a></li>`,
          )
          .join("")}</ul></li>`,
    );
    const sections = tags.map(
      ({ name, description }) =>
        `<section id="tag-${anchor(name)}"><h2>${escapeHtml(name)}</h2>${prose(description)}${ofTag(name)
          .map(({ path, method, operation }) => this.#operation(path, method, operation))
          .join("")}</section>`,
    );
    const schemas = Object.entries(components.schemas).map(
      ([name, schema]) =>
        `<article class="schema" id="schema-${name}"><h3>${name}</h3>${schema.description ? prose(schema.description) : ""}<div>${typeOf(schema)}</div></article>`,
    );
    const { parameters, securitySchemes, headers } = components as unknown as Record<string, Record<string, Parameter>>;
    const requestHeaders = [...Object.values({ ...parameters, ...securitySchemes })].filter((one) => one.in === "header");
    const answerHeaders = Object.entries(headers ?? {}).map(([name, header]) => ({ ...header, name }));
    const errors = Object.entries(components.responses).map(([name, response]) => this.#error(name, response));
    return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(info.title)} API ${escapeHtml(info.version)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/docs.css">
<script src="/docs/docs.js" defer></script>
</head>
<body>
<a class="skip" href="#main">To the operations</a>
<nav aria-label="Operations">
<p class="brand">${escapeHtml(info.title)} <small>${escapeHtml(info.version)}</small></p>
<input id="filter" type="search" placeholder="Filter operations" aria-label="Filter operations">
<ul>${links.join("")}<li><a href="#headers">Headers</a></li><li><a href="#errors">Errors</a></li><li><a href="#schemas">Schemas</a></li></ul>
</nav>
<main id="main">
<header>
<h1>${escapeHtml(info.title)} API</h1>
${prose(info.description)}
<p>For programs: <a href="/openapi.json">OpenAPI 3.1</a> · <a href="/asyncapi.json">AsyncAPI 3.0 of the events</a></p>
<form id="credentials" class="credentials" autocomplete="off">
<h2>Credentials</h2>
<p>For the requests of this page. They stay in it, and are gone when it is left.</p>
<label>Access token <input name="accessToken" type="password" spellcheck="false" placeholder="of login or register; filled in when you call one here"></label>
<label>API key <input name="apiKey" type="password" spellcheck="false" placeholder="in the place of an access token"></label>
<label>Cart token <input name="cartToken" spellcheck="false" placeholder="of a guest's cart"></label>
</form>
</header>
${sections.join("\n")}
<section id="headers"><h2>Headers</h2>
<h3>Of requests</h3><table class="headers">${requestHeaders.map(headerRow).join("")}</table>
<h3>Of answers</h3><table class="headers">${answerHeaders.map(headerRow).join("")}</table></section>
<section id="errors"><h2>Errors</h2>${errors.join("")}</section>
<section id="schemas"><h2>Schemas</h2>${schemas.join("")}</section>
</main>
</body>
</html>
`;
  }

  #follow<T>(value: T): T {
    const { $ref } = (value ?? {}) as { $ref?: string };
    if ($ref === undefined) return value;
    return $ref
      .slice(2)
      .split("/")
      .reduce<unknown>((place, step) => (place as Json)[step], this.#document) as T;
  }

  #operation(path: string, method: string, operation: Operation): string {
    const { operationId, summary, description, parameters, requestBody, responses } = operation;
    const given = parameters.filter(({ $ref = "" }) => !common.includes($ref)).map((one) => this.#follow(one));
    const json = requestBody?.content["application/json"];
    const { usual = [], special = [] } = Object.groupBy(Object.entries(responses), ([, { $ref = "" }]) =>
      this.#usual.has($ref) ? "usual" : "special",
    );
    const links = usual.map(([status, response]) => linkTo(response, `<b class="bad">${status}</b>`));
    return `<details class="operation" id="${operationId}" data-method="${method}" data-path="${escapeHtml(path)}">
<summary><b class="${method}">${method}</b> <code>${escapeHtml(path)}</code> <span>${escapeHtml(summary)}</span></summary>
<div class="inside">
<p>${inline(description)} <small>Operation <code>${operationId}</code></small></p>
${given.length === 0 ? "" : `<h4>Parameters</h4><table><thead><tr><th>name</th><th>in</th><th>what</th></tr></thead><tbody>${given.map(parameterRow).join("")}</tbody></table>`}
${json === undefined ? "" : `<h4>Body</h4><p>${typeOf(json.schema)}</p><pre>${pretty(json.example)}</pre>`}
<h4>Answers</h4>
${special.map(([status, response]) => this.#response(status, response)).join("")}
<p class="answer">As almost everywhere: ${links.join(" ")}</p>
${tryIt(operationId, given, json?.example)}
</div>
</details>`;
  }

  #error(name: string, response: Json): string {
    const content = response.content as Record<string, { schema: JsonSchema; examples: Record<string, { value: Json }> }>;
    const { schema, examples } = content["application/problem+json"] as NonNullable<(typeof content)[string]>;
    const shown = Object.values(examples).map(({ value }) => `<pre>${pretty(value)}</pre>`);
    return `<details class="operation" id="error-${name}"><summary>${name}</summary><div class="inside">${prose(response.description)}<p><code>application/problem+json</code> ${typeOf(schema)}</p>${shown.join("")}</div></details>`;
  }

  #response(status: string, response: Response): string {
    if (response.$ref !== undefined)
      return `<div class="answer"><b class="bad">${status}</b> <div>${prose(this.#follow(response).description)}</div> ${linkTo(response, "details")}</div>`;
    const content = Object.entries(
      (response.content ?? {}) as Record<
        string,
        { schema: JsonSchema; example?: unknown; examples?: Record<string, { value: unknown }> }
      >,
    );
    const headers = Object.keys(response.headers ?? {}).map((name) => `<a href="#headers"><code>${escapeHtml(name)}</code></a>`);
    const bodies = content.map(([type, { schema, example }]) => {
      const shown = example === undefined ? "" : `<pre>${pretty(example)}</pre>`;
      return `<p><code>${escapeHtml(type)}</code> ${typeOf(schema)}</p>${shown}`;
    });
    const kind = status.startsWith("2") ? "good" : status.startsWith("3") ? "same" : "bad";
    return `<details class="answer"><summary><b class="${kind}">${status}</b> ${prose(response.description)}</summary>${bodies.join("")}<p>Headers: ${headers.join(" ")}</p></details>`;
  }
}

/** What three of four operations may answer needs no lines of its own at each of them. */
const usualRefusals = ({ paths }: OpenApiDocument): Set<string> => {
  const operations = Object.values(paths).flatMap(Object.values);
  const references = operations.flatMap(({ responses }) => Object.values(responses as Record<string, { $ref?: string }>));
  const byReference = Map.groupBy(references, ({ $ref }) => $ref);
  const isUsual = ([$ref, uses]: [string | undefined, unknown[]]) =>
    $ref !== undefined && uses.length > (operations.length * 3) / 4;
  return new Set([...byReference].filter(isUsual).map(([$ref]) => $ref as string));
};

const linkTo = ({ $ref = "" }: Reference, html: string): string => `<a href="#error-${$ref.split("/").at(-1)}">${html}</a>`;

const anchor = (tag: string): string => tag.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");

const headerRow = ({ name, description }: Parameter): string =>
  `<tr><th scope="row"><code>${escapeHtml(name)}</code></th><td>${prose(description)}</td></tr>`;

const parameterRow = (parameter: Parameter): string =>
  `<tr><td><code>${escapeHtml(parameter.name)}</code>${parameter.required ? "" : " <small>optional</small>"}</td><td>${parameter.in}</td><td>${typeOf(parameter.schema)}${parameter.description ? prose(parameter.description) : ""}</td></tr>`;

const tryIt = (operationId: string, parameters: readonly Parameter[], body: unknown): string => {
  const inputs = parameters.map(({ name, in: place, required, example }) => {
    const value = required ? ` value="${escapeHtml(example)}"` : "";
    return `<label>${escapeHtml(name)}<input name="${place}:${escapeHtml(name)}"${value}${required ? " required" : ""} placeholder="${escapeHtml(example ?? "")}" spellcheck="false"></label>`;
  });
  const text =
    body === undefined ? "" : `<label>Body<textarea name="body" rows="8" spellcheck="false">${pretty(body)}</textarea></label>`;
  return `<form class="try" aria-label="Try ${operationId}"><h4>Try it</h4>${inputs.join("")}${text}<button type="submit">Send</button><output></output></form>`;
};

/** The document as a page: every operation, its schemas, examples and errors, and a form that calls it. All that it needs is
 *  served with it, and nothing in it is script or style: the strictest policy fits. */
export const docsPage = (document: OpenApiDocument): string => new Page(document).render();

import { readFileSync } from "node:fs";
import { Content } from "../content.ts";
import { asyncApiDocument } from "../openapi/asyncapi.ts";
import { docsPage } from "../openapi/docs-page.ts";
import { openApiDocument } from "../openapi/openapi.ts";
import manifest from "../package.json" with { type: "json" };
import { type Page, pageRoute, type Route } from "../route.ts";

const JSON_TYPE = "application/json; charset=utf-8";

const once = <T>(make: () => T): (() => T) => {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
};

const page = (type: string, make: () => string, headers?: Page["headers"]): Page => ({
  type,
  content: once(() => new Content(make())),
  ...(headers && { headers }),
});

const asset = (name: string, type: string): Page =>
  page(type, () => readFileSync(new URL(`../openapi/assets/${name}`, import.meta.url), "utf8"));

/** The page brings its own style and script, and nothing of anybody else; it may ask the shop that has served it. */
const DOCS_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join(";");

/** The documents of all routes, these among them. */
export const documentRoutes = (routes: () => readonly Route[]): Route[] => {
  const { version } = manifest;
  const openApi = once(() => openApiDocument(routes(), { version }));
  return [
    pageRoute(
      "getOpenApiDocument",
      "/openapi.json",
      "This document: every operation of the API (OpenAPI 3.1)",
      page(JSON_TYPE, () => JSON.stringify(openApi())),
    ),
    pageRoute(
      "getAsyncApiDocument",
      "/asyncapi.json",
      "The durable events that the services send each other (AsyncAPI 3.0)",
      page(JSON_TYPE, () => JSON.stringify(asyncApiDocument({ version }))),
    ),
    pageRoute(
      "getDocsPage",
      "/docs",
      "The API as a page to read and to try",
      page("text/html; charset=utf-8", () => docsPage(openApi()), { "Content-Security-Policy": DOCS_POLICY }),
    ),
    pageRoute("getDocsStyle", "/docs/docs.css", "The style of the page", asset("docs.css", "text/css; charset=utf-8")),
    pageRoute("getDocsScript", "/docs/docs.js", "The script of the page", asset("docs.js", "text/javascript; charset=utf-8")),
  ];
};

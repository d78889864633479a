import { NewToken, type Token } from "@molecart/mixins/contracts/payments.ts";
import type { HealthReport } from "@molecart/mixins/health.ts";
import { fieldErrors } from "@molecart/mixins/middlewares/ajv-validator.ts";
import { Ajv } from "ajv";
import type { HttpAnswer, HttpRequest, Route } from "./listener.http.ts";
import { paymentsDocument } from "./openapi.http.ts";
import manifest from "./package.json" with { type: "json" };
import { ProviderNotFound } from "./payment.errors.ts";
import { BadRequest } from "./problem.http.ts";
import type { PaymentProvider, ProviderEvent } from "./provider.ts";

export interface RouteOptions {
  provider: Pick<PaymentProvider, "name" | "verifyWebhook">;
  tokenize(card: NewToken): Promise<Token>;
  /** Resolves when the event and its effect are committed. */
  onProviderEvent(provider: string, event: ProviderEvent): Promise<void>;
  checkHealth(): Promise<HealthReport>;
}

const isCard = new Ajv({ allErrors: true, strict: true, strictTypes: false }).compile(NewToken);

/** Never passes on what the parser says: it quotes the text, and that holds a card's number. */
const readJson = async ({ headers, body }: HttpRequest): Promise<unknown> => {
  if (!/^application\/json\s*(;|$)/i.test(headers["content-type"] ?? ""))
    throw new BadRequest("UNSUPPORTED_MEDIA_TYPE", "The content type must be application/json");
  const raw = await body();
  try {
    return JSON.parse(raw.toString());
  } catch {
    throw new BadRequest("MALFORMED_JSON", "The body is not JSON");
  }
};

const readCard = async (request: HttpRequest): Promise<NewToken> => {
  const card = await readJson(request);
  if (isCard(card)) return card as NewToken;
  const problems = fieldErrors(isCard.errors).map(({ field, message }) => ({ path: field, message }));
  throw new BadRequest("VALIDATION_FAILED", "Some fields are not valid", problems);
};

/** The reasons are for operators, at the node's own health port: they may name hosts, and this listener is public. */
const readiness = ({ status, checks }: HealthReport): HttpAnswer => ({
  status: status === "unavailable" ? 503 : 200,
  body: {
    status,
    checks: Object.fromEntries(Object.entries(checks).map(([name, check]) => [name, { status: check.status }])),
  },
});

const document = paymentsDocument(manifest);

/** Everything that the outside can ask of payments. */
export const paymentRoutes = ({ provider, tokenize, onProviderEvent, checkHealth }: RouteOptions): Route[] => [
  {
    method: "POST",
    path: /^\/tokens$/,
    crossOrigin: true,
    handle: async (request) => ({ status: 201, body: await tokenize(await readCard(request)) }),
  },
  {
    method: "POST",
    path: /^\/webhooks\/([^/]+)$/,
    handle: async ({ groups, headers, body }) => {
      if (groups[0] !== provider.name) throw new ProviderNotFound();
      await onProviderEvent(provider.name, provider.verifyWebhook(await body(), headers));
      return { status: 200, body: { received: true } };
    },
  },
  { method: "GET", path: /^\/openapi\.json$/, handle: async () => ({ status: 200, body: document }) },
  { method: "GET", path: /^\/health\/live$/, handle: async () => ({ status: 200, body: { status: "ok" } }) },
  { method: "GET", path: /^\/health\/ready$/, handle: async () => readiness(await checkHealth()) },
];

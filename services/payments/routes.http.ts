import { NewToken, type Token } from "@molecart/mixins/contracts/payments.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { fieldErrors } from "@molecart/mixins/middlewares/ajv-validator.ts";
import { Ajv } from "ajv";
import type { HttpRequest, Route } from "./listener.http.ts";
import { ProviderNotFound } from "./payment.errors.ts";
import { BadRequest } from "./problem.http.ts";
import type { PaymentProvider, ProviderEvent } from "./provider.ts";

export type HealthChecks = Readonly<Record<string, () => Promise<void>>>;

export interface RouteOptions {
  provider: Pick<PaymentProvider, "name" | "verifyWebhook">;
  tokenize(card: NewToken): Promise<Token>;
  /** Resolves when the event and its effect are committed. */
  onProviderEvent(provider: string, event: ProviderEvent): Promise<void>;
  healthChecks(): HealthChecks;
}

/** A dependency that takes longer to say how it is counts as down. */
const HEALTH_DEADLINE_MS = 2_000;

const isCard = new Ajv({ allErrors: true, strict: true, strictTypes: false }).compile(NewToken);

/** Never passes on what the parser says: it quotes the text, and that holds a card's number. */
const readJson = async ({ headers, body }: HttpRequest): Promise<unknown> => {
  if (!/^application\/json\s*(;|$)/i.test(headers["content-type"] ?? ""))
    throw new BadRequest(415, "The content type must be application/json");
  const raw = await body();
  try {
    return JSON.parse(raw.toString());
  } catch {
    throw new BadRequest(400, "The body is not JSON");
  }
};

const readCard = async (request: HttpRequest): Promise<NewToken> => {
  const card = await readJson(request);
  if (isCard(card)) return card as NewToken;
  const problems = fieldErrors(isCard.errors).map(({ field, message }) => ({ path: field, message }));
  throw new BadRequest(422, "The card is not as it must be", problems);
};

type Health = { status: "up" } | { status: "down"; error: string };

const healthOf = async (check: () => Promise<void>): Promise<Health> => {
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${HEALTH_DEADLINE_MS} ms`)), HEALTH_DEADLINE_MS);
  });
  try {
    await Promise.race([check(), timedOut]);
    return { status: "up" };
  } catch (error) {
    return { status: "down", error: messageOf(error) };
  } finally {
    clearTimeout(timer);
  }
};

const readiness = async (checks: HealthChecks) => {
  const states = await Promise.all(
    Object.entries(checks).map(async ([name, check]): Promise<[string, Health]> => [name, await healthOf(check)]),
  );
  const up = states.every(([, { status }]) => status === "up");
  return { status: up ? 200 : 503, body: { status: up ? "up" : "down", dependencies: Object.fromEntries(states) } };
};

/** Everything that the outside can ask of payments. */
export const paymentRoutes = ({ provider, tokenize, onProviderEvent, healthChecks }: RouteOptions): Route[] => [
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
  { method: "GET", path: /^\/health\/live$/, handle: async () => ({ status: 200, body: { status: "up" } }) },
  { method: "GET", path: /^\/health\/ready$/, handle: () => readiness(healthChecks()) },
];

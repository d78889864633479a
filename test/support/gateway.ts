import { actionsOf, contracts } from "@molecart/mixins/contracts/index.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import type { Clock } from "@molecart/mixins/lib/clock.ts";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { Context, ServiceBroker } from "moleculer";
import { temporaryDataDir } from "./worlds.ts";

type Answer = (params: Record<string, unknown>) => unknown;

const keys = await generateKeyPair("EdDSA", { extractable: true });
const publicJwk = { ...(await exportJWK(keys.publicKey)), kid: "key-1", alg: "EdDSA", use: "sig" };

/** What a gateway asks users by itself. */
const ofUsers = {
  "v1.users.jwks": { keys: [publicJwk] },
  "v1.users.revocations": { items: [], nextCursor: null, asOf: "2026-01-01T00:00:00.000Z", kids: [publicJwk.kid] },
};

/** A gateway, and a mesh behind it that answers what a test says. */
export interface Gateway {
  broker: ServiceBroker;
  address: string;
  /** By action, such as `v1.products.get`. */
  answers: Map<string, Answer>;
  /** The actions that were called, without those of the gateway by itself. */
  calls: { action: string; params: Record<string, unknown> }[];
}

export const openGateway = async (env: Record<string, string>, clock: Clock): Promise<Gateway> => {
  const answers = new Map<string, Answer>();
  const calls: Gateway["calls"] = [];
  const broker = await createBroker(["api"], {
    env: { API_PORT: "0", DATA_DIR: temporaryDataDir(), LOG_LEVEL: "fatal", RATE_LIMIT: "off", ...env },
    clock,
  });
  for (const contract of Object.values(contracts)) {
    const { name, version } = contract;
    const handler = (action: string) => (ctx: Context<Record<string, unknown>>) => {
      const known = ofUsers[action as keyof typeof ofUsers];
      if (known !== undefined) return known;
      calls.push({ action, params: ctx.params });
      const answer = answers.get(action);
      if (answer === undefined) throw new Error(`nobody expected ${action}`);
      return answer(ctx.params);
    };
    const actions = Object.entries(actionsOf(contract)).map(([action, { params }]) => [
      action,
      { params, handler: handler(`v${version}.${name}.${action}`) },
    ]);
    broker.createService({ name, version, actions: Object.fromEntries(actions) });
  }
  await broker.start();
  const { address } = broker.getLocalService("v1.api") as unknown as { address: string };
  return { broker, address, answers, calls };
};

export interface TokenOptions {
  userId?: string;
  roles?: string[];
  /** By the gateway's clock. */
  nowMs: number;
}

/** The Authorization header of somebody who is signed in. */
export const bearer = async ({ userId = "ada", roles = ["customer"], nowMs }: TokenOptions) => {
  const token = await new SignJWT({ email: `${userId}@example.com`, name: userId, roles })
    .setProtectedHeader({ alg: "EdDSA", kid: "key-1" })
    .setSubject(userId)
    .setIssuer("molecart")
    .setAudience("molecart")
    .setExpirationTime(Math.floor(nowMs / 1000) + 900)
    .sign(keys.privateKey);
  return { authorization: `Bearer ${token}` };
};

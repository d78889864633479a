import { setTimeout as sleep } from "node:timers/promises";
import { Id } from "@molecart/mixins/contracts/common.ts";
import { Card, type NewToken, type Token } from "@molecart/mixins/contracts/payments.ts";
import type { Database } from "@molecart/mixins/database/database.ts";
import { type Clock, isoTime } from "@molecart/mixins/lib/clock.ts";
import { Refusal, Unavailable } from "@molecart/mixins/lib/errors.ts";
import { newId, newToken } from "@molecart/mixins/lib/ids.ts";
import { Ajv } from "ajv";
import type { Selectable } from "kysely";
import { type Static, type TSchema, Type } from "typebox";
import { brandOf, digitsOf, problemsOf } from "./card.ts";
import { CardNotSupported, InvalidCard, InvalidSignature, RefundRefused } from "./payment.errors.ts";
import type { Tables } from "./payment.repository.ts";
import type { ChargeOutcome, ChargeRequest, PaymentProvider, ProviderEvent } from "./provider.ts";
import {
  deleteExpiredTokens,
  findCharge,
  findRefunds,
  insertCharge,
  insertRefund,
  insertToken,
  lockCharge,
  lockToken,
  refusesRefunds,
  setTokenUsed,
} from "./sandbox.repository.ts";
import type { SandboxChargeTable, SandboxTokenTable } from "./sandbox.table.ts";
import { type Behaviour, behaviourOf, declineCodeOf } from "./sandbox-cards.ts";
import { isSigned } from "./signature.ts";

export interface SandboxOptions {
  database: Database<Tables>;
  clock: Clock;
  tokenMs: number;
  lateMs: number;
  webhookSecret: string;
}

export interface SandboxProvider extends PaymentProvider {
  /** Takes a card and answers a token for it, good for one charge. Forgets the number. Throws InvalidCard, CardNotSupported. */
  tokenize(card: NewToken): Promise<Token>;
}

const SIGNATURE_HEADER = "x-sandbox-signature";

const Key = Type.String({ minLength: 1, maxLength: 255 });
const AnyEvent = Type.Object({ id: Id, type: Type.String({ minLength: 1, maxLength: 100 }) });
const webhookData = {
  "charge.succeeded": Type.Object({ idempotencyKey: Key, chargeId: Id, card: Card }),
  "charge.declined": Type.Object({ idempotencyKey: Key, code: Type.String({ minLength: 1, maxLength: 100 }) }),
  "refund.succeeded": Type.Object({ idempotencyKey: Key, refundId: Id }),
  "refund.failed": Type.Object({ idempotencyKey: Key, code: Type.String({ minLength: 1, maxLength: 100 }) }),
};

const ajv = new Ajv({ strict: true, strictTypes: false });
const readable = <S extends TSchema>(schema: S, value: unknown): Static<S> => {
  if (!ajv.validate(schema, value))
    throw new Refusal("VALIDATION_FAILED", 422, `Not an event of the sandbox: ${ajv.errorsText()}`);
  return value as Static<S>;
};

const parse = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
};

const toEvent = (body: Buffer): ProviderEvent => {
  const event = parse(body) as { data?: unknown };
  const { id, type } = readable(AnyEvent, event);
  switch (type) {
    case "charge.succeeded": {
      const { idempotencyKey, chargeId, card } = readable(webhookData[type], event.data);
      return { id, type, about: "charge", idempotencyKey, outcome: { status: "succeeded", chargeId, card } };
    }
    case "charge.declined": {
      const { idempotencyKey, code } = readable(webhookData[type], event.data);
      return { id, type, about: "charge", idempotencyKey, outcome: { status: "declined", code } };
    }
    case "refund.succeeded": {
      const { idempotencyKey, refundId } = readable(webhookData[type], event.data);
      return { id, type, about: "refund", idempotencyKey, outcome: { status: "succeeded", refundId } };
    }
    case "refund.failed": {
      const { idempotencyKey, code } = readable(webhookData[type], event.data);
      return { id, type, about: "refund", idempotencyKey, outcome: { status: "refused", code } };
    }
    default:
      return { id, type, about: "nothing" };
  }
};

const toOutcome = ({ status, charge_id, decline_code, brand, last4 }: Selectable<SandboxChargeTable>): ChargeOutcome =>
  status === "succeeded"
    ? { status, chargeId: charge_id, card: { brand: brand as string, last4: last4 as string } }
    : { status, code: decline_code as string };

const mayServe = (token: SandboxTokenTable, idempotencyKey: string, now: string): boolean =>
  token.used_by === idempotencyKey || (token.used_by === null && token.expires_at > now);

const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const end = () => reject(new Unavailable("the sandbox provider", { cause: signal.reason }));
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });

/** A provider for trying the shop out. It behaves like a real one at the other end of a network: it has its own state, written
 *  in its own transactions, does each thing once per idempotency key, and its test cards are slow, decline or fall silent. */
export const sandboxProvider = ({ database, clock, tokenMs, lateMs, webhookSecret }: SandboxOptions): SandboxProvider => {
  /** Decides a charge once. Answers also how it is to be told; null for a repeat, which is told at once. */
  const decide = ({ idempotencyKey, amount, token }: ChargeRequest) =>
    database.transaction(async (trx): Promise<{ charge: SandboxChargeTable; behaviour: Behaviour | null }> => {
      const known = await findCharge(trx, idempotencyKey);
      if (known !== undefined) return { charge: known, behaviour: null };
      const now = isoTime(clock.now());
      const found = await lockToken(trx, token);
      const card = found !== undefined && mayServe(found, idempotencyKey, now) ? found : undefined;
      const declineCode = card === undefined ? "invalid_token" : declineCodeOf(card.behaviour);
      const charge: SandboxChargeTable = {
        idempotency_key: idempotencyKey,
        charge_id: `ch_${newId()}`,
        amount: amount.amount,
        currency: amount.currency,
        status: declineCode === null ? "succeeded" : "declined",
        decline_code: declineCode,
        brand: card?.brand ?? null,
        last4: card?.last4 ?? null,
        created_at: now,
      };
      if (!(await insertCharge(trx, charge))) {
        // The same key at the same moment: the other has decided it.
        return { charge: (await findCharge(trx, idempotencyKey)) as SandboxChargeTable, behaviour: null };
      }
      if (card !== undefined) await setTokenUsed(trx, token, idempotencyKey);
      return { charge, behaviour: card?.behaviour ?? null };
    });

  return {
    name: "sandbox",

    async tokenize(card) {
      const nowMs = clock.now();
      const digits = digitsOf(card.number);
      const problems = problemsOf(card, nowMs);
      if (problems.length > 0) throw new InvalidCard(problems);
      const behaviour = behaviourOf(digits);
      if (behaviour === undefined) throw new CardNotSupported();
      const now = isoTime(nowMs);
      const row: SandboxTokenTable = {
        token: `tok_${newToken()}`,
        brand: brandOf(digits),
        last4: digits.slice(-4),
        exp_month: card.expMonth,
        exp_year: card.expYear,
        behaviour,
        used_by: null,
        created_at: now,
        expires_at: isoTime(nowMs + tokenMs),
      };
      await database.transaction(async (trx) => {
        await deleteExpiredTokens(trx, now);
        await insertToken(trx, row);
      });
      return { token: row.token, card: { brand: row.brand, last4: row.last4 }, expiresAt: row.expires_at };
    },

    async charge(request, signal) {
      const { charge, behaviour } = await decide(request);
      if (behaviour === "times_out_after_charging") return never(signal);
      if (behaviour === "answers_late") await sleep(lateMs, undefined, { signal });
      return toOutcome(charge);
    },

    async find(idempotencyKey) {
      const charge = await findCharge(database.db, idempotencyKey);
      return charge && toOutcome(charge);
    },

    refund({ idempotencyKey, chargeId, amount }) {
      return database.transaction(async (trx) => {
        const charge = await lockCharge(trx, chargeId);
        if (charge?.status !== "succeeded") throw new Refusal("CHARGE_NOT_FOUND", 404, `The sandbox has no charge ${chargeId}`);
        const refunds = await findRefunds(trx, chargeId);
        const known = refunds.find((refund) => refund.idempotency_key === idempotencyKey);
        if (known !== undefined) return { refundId: known.refund_id };
        if (await refusesRefunds(trx, charge.idempotency_key)) throw new RefundRefused("card_closed");
        const refunded = refunds.reduce((sum, refund) => sum + refund.amount, 0);
        if (amount.currency !== charge.currency || refunded + amount.amount > charge.amount)
          throw new Refusal("REFUND_TOO_LARGE", 409, `Charge ${chargeId} has not so much left to refund`);
        const refundId = `re_${newId()}`;
        await insertRefund(trx, {
          idempotency_key: idempotencyKey,
          refund_id: refundId,
          charge_id: chargeId,
          amount: amount.amount,
          currency: amount.currency,
          created_at: isoTime(clock.now()),
        });
        return { refundId };
      });
    },

    verifyWebhook(body, headers) {
      const signature = headers[SIGNATURE_HEADER];
      if (typeof signature !== "string" || !isSigned(webhookSecret, body, signature, clock.now())) throw new InvalidSignature();
      return toEvent(body);
    },
  };
};

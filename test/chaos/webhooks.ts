import { setTimeout as sleep } from "node:timers/promises";
import { sign } from "../../services/payments/signature.ts";
import type { Random } from "./random.ts";

/** A charge or a refund as the provider has it. */
export interface ProviderFact {
  id: string;
  type: "charge.succeeded" | "charge.declined" | "refund.succeeded";
  data: object;
}

export interface WebhooksOptions {
  /** All that the provider has done so far. */
  facts(): Promise<ProviderFact[]>;
  /** Payments' listener: another one at each try, where there are several. */
  address(): string;
  secret: string;
  random: Random;
  /** How long one is sent again and again. */
  patienceMs: number;
}

const LOOK_EVERY_MS = 300;
const LATEST_MS = 3_000;
const RETRY_MS = 500;

/** The provider's side of webhooks: each is sent once to three times, late and so out of order, until it is taken. */
export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #known = new Set<string>();
  readonly #sending = new Set<Promise<void>>();
  #running: Promise<void> | undefined;
  #stopped = false;
  sent = 0;
  repeats = 0;

  constructor(options: WebhooksOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const { facts, random } = this.#options;
    while (!this.#stopped) {
      // The provider's store is the shop's here, and may be down.
      for (const fact of await facts().catch(() => [])) {
        if (this.#known.has(fact.id)) continue;
        this.#known.add(fact.id);
        const copies = random.integer(1, 3);
        this.sent += copies;
        this.repeats += copies - 1;
        for (let copy = 0; copy < copies; copy++) {
          const sending = this.#send(fact, random.between(0, LATEST_MS)).finally(() => this.#sending.delete(sending));
          this.#sending.add(sending);
        }
      }
      await sleep(LOOK_EVERY_MS);
    }
  }

  async #send({ id, type, data }: ProviderFact, delayMs: number): Promise<void> {
    await sleep(delayMs);
    const { address, secret, patienceMs } = this.#options;
    const giveUpAt = Date.now() + patienceMs;
    const body = JSON.stringify({ id, type, data });
    while (Date.now() < giveUpAt) {
      try {
        const response = await fetch(`${address()}/webhooks/sandbox`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            "x-sandbox-signature": sign(secret, Buffer.from(body), Math.floor(Date.now() / 1000)),
          },
          body,
          signal: AbortSignal.timeout(5_000),
        });
        await response.text();
        if (response.ok) return;
      } catch {
        // Nobody there: again, as providers do.
      }
      await sleep(RETRY_MS);
    }
  }

  /** Resolves when all that is to be sent has been taken. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await Promise.all(this.#sending);
  }
}

interface ChargeRow {
  idempotency_key: string;
  charge_id: string;
  status: string;
  decline_code: string | null;
  brand: string | null;
  last4: string | null;
}
interface RefundRow {
  idempotency_key: string;
  refund_id: string;
}

/** The columns that `toFacts` needs, in both kinds of stores. */
export const CHARGES = "select idempotency_key, charge_id, status, decline_code, brand, last4 from sandbox_charge";
export const REFUNDS = "select idempotency_key, refund_id from sandbox_refund";

export const toFacts = (charges: readonly ChargeRow[], refunds: readonly RefundRow[]): ProviderFact[] => [
  ...charges.map(
    ({ idempotency_key: idempotencyKey, charge_id: chargeId, status, decline_code: code, brand, last4 }): ProviderFact =>
      status === "succeeded"
        ? { id: `evt_${chargeId}`, type: "charge.succeeded", data: { idempotencyKey, chargeId, card: { brand, last4 } } }
        : { id: `evt_${chargeId}`, type: "charge.declined", data: { idempotencyKey, code } },
  ),
  ...refunds.map(
    ({ idempotency_key: idempotencyKey, refund_id: refundId }): ProviderFact => ({
      id: `evt_${refundId}`,
      type: "refund.succeeded",
      data: { idempotencyKey, refundId },
    }),
  ),
];

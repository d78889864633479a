import type { ApiKeyHolder, Revocation } from "@molecart/mixins/contracts/users.ts";
import { hashApiKey, isApiKey } from "@molecart/mixins/lib/api-key.ts";
import { type Clock, isoTime } from "@molecart/mixins/lib/clock.ts";
import { Unauthenticated } from "./api.errors.ts";
import type { Caller } from "./route.ts";

/** A revocation is told; this is what bounds everything that is not, such as a key's end. */
const KNOWN_FOR_MS = 10_000;
/** Of holders, and as many of keys that open nothing: whoever makes those up pushes out only such. */
const MAX_KNOWN = 5_000;
const NOTE_EVERY_MS = 30_000;
const MAX_NOTED = 1_000;

export interface KeyUse {
  id: string;
  at: string;
}

export interface ApiKeysOptions {
  clock: Clock;
  /** By the key's hash, by a call to users. */
  find(keyHash: string): Promise<ApiKeyHolder | null>;
  /** Tells users when keys were last used. */
  note(uses: KeyUse[]): Promise<unknown>;
  onNotNoted(error: unknown): void;
}

interface Known {
  holder: ApiKeyHolder | null;
  untilMs: number;
}

const refusal = (): Unauthenticated => new Unauthenticated("The API key is unknown, expired or revoked");

const remember = (known: Map<string, Known>, hash: string, entry: Known): void => {
  if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value as string);
  known.set(hash, entry);
};

/** Tells who calls by an API key. Holders are remembered for seconds by the key's hash; the key itself is kept nowhere. */
export class ApiKeys {
  readonly #options: ApiKeysOptions;
  readonly #holders = new Map<string, Known>();
  readonly #strangers = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<ApiKeyHolder | null>>();
  /** Counts revocations: an answer that was under way at one is not remembered. */
  #changes = 0;
  #uses = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ApiKeysOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.noteUses(), NOTE_EVERY_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.noteUses();
  }

  async identify(key: string): Promise<Caller> {
    if (!isApiKey(key)) throw new Unauthenticated("The X-API-Key header does not hold an API key");
    const { clock } = this.#options;
    const holder = await this.#holderOf(hashApiKey(key));
    if (holder === null || (holder.expiresAt !== null && Date.parse(holder.expiresAt) <= clock.now())) throw refusal();
    this.#uses.set(holder.id, clock.now());
    const { id, userId, email, name, roles, scopes } = holder;
    return { userId, email, name, roles, scopes, keyId: id };
  }

  async #holderOf(hash: string): Promise<ApiKeyHolder | null> {
    const { clock, find } = this.#options;
    const known = this.#holders.get(hash) ?? this.#strangers.get(hash);
    if (known !== undefined && clock.now() < known.untilMs) return known.holder;
    const before = this.#changes;
    let asking = this.#asking.get(hash);
    if (asking === undefined) {
      asking = find(hash).finally(() => this.#asking.delete(hash));
      this.#asking.set(hash, asking);
    }
    const holder = await asking;
    this.#holders.delete(hash);
    if (before === this.#changes) {
      const entry = { holder, untilMs: clock.now() + KNOWN_FOR_MS };
      remember(holder === null ? this.#strangers : this.#holders, hash, entry);
    }
    return holder;
  }

  /** A key has ended, or its owner's rights are others now. */
  forget({ kind, id }: Revocation): void {
    if (kind === "session") return;
    this.#changes += 1;
    this.#asking.clear();
    for (const [hash, { holder }] of this.#holders)
      if (holder !== null && id === (kind === "api-key" ? holder.id : holder.userId)) this.#holders.delete(hash);
  }

  /** What is not noted now is noted the next time. */
  async noteUses(): Promise<void> {
    const { note, onNotNoted } = this.#options;
    while (this.#uses.size > 0) {
      const batch = [...this.#uses].slice(0, MAX_NOTED);
      for (const [id] of batch) this.#uses.delete(id);
      try {
        await note(batch.map(([id, at]) => ({ id, at: isoTime(at) })));
      } catch (error) {
        for (const [id, at] of batch) this.#uses.set(id, Math.max(at, this.#uses.get(id) ?? 0));
        onNotNoted(error);
        return;
      }
    }
  }
}

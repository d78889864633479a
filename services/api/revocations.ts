import type { Revocation } from "@molecart/mixins/contracts/users.ts";
import type { Clock } from "@molecart/mixins/lib/clock.ts";

/** How often users is asked: the longest that a revocation whose broadcast was lost takes to arrive here. */
const PULL_EVERY_MS = 2_000;
/** Now and then all of it is asked for, whatever may have gone wrong before. */
const WHOLE_EVERY = 30;
/** Pages of one pull; a hundred thousand revocations in a quarter of an hour. */
const MAX_PAGES = 100;

export interface PullParams {
  since?: string;
  cursor?: string;
}

export interface Pulled {
  items: readonly Revocation[];
  nextCursor: string | null;
  asOf: string;
  kids: readonly string[];
}

export interface RevocationsOptions {
  clock: Clock;
  /** What users knows, by a call to it. */
  pull(params: PullParams): Promise<Pulled>;
  /** The ids of the keys that are good now. */
  onKids(kids: readonly string[]): void;
  /** The user's or the key's API keys are to be looked up again. */
  onRevoked(item: Revocation): void;
  /** The list could not be renewed. Told once until it can be again. */
  onStale(error: unknown): void;
}

/** What a token says of itself. Tokens of before sessions were named have none. */
export interface TokenIdentity {
  userId: string;
  sessionId: string | undefined;
  tokenVersion: number;
}

interface Ended {
  version: number;
  untilMs: number;
}

const keyOf = (kind: Revocation["kind"], id: string): string => `${kind}:${id}`;

/** The access tokens that have ended before their time. Users tells of each at once by a broadcast, which may be lost, and is asked
 *  every two seconds, which may not.
 *
 *  Before the first answer no token is accepted. While users is away afterwards, tokens that were not known as revoked are: nobody
 *  can sign out or be locked out through users then, and a token is over within its lifetime. */
export class Revocations {
  readonly #options: RevocationsOptions;
  readonly #ended = new Map<string, Ended>();
  #asOf: string | undefined;
  #pulls = 0;
  #isStale = false;
  #pulling: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: RevocationsOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#round();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#pulling?.catch(() => {});
  }

  /** Resolves when the list has been had once, and throws what users or the way to it has to say. */
  async ready(): Promise<void> {
    if (this.#asOf === undefined) await this.#pull();
  }

  has({ userId, sessionId, tokenVersion }: TokenIdentity): boolean {
    if (this.#ended.size === 0) return false;
    if (sessionId !== undefined && this.#ended.has(keyOf("session", sessionId))) return true;
    const user = this.#ended.get(keyOf("user", userId));
    return user !== undefined && tokenVersion < user.version;
  }

  add(items: readonly Revocation[]): void {
    for (const item of items) {
      const key = keyOf(item.kind, item.id);
      const known = this.#ended.get(key);
      const untilMs = Date.parse(item.until);
      if (known !== undefined && known.version >= item.version && known.untilMs >= untilMs) continue;
      // Broadcasts may overtake each other: a lower version never replaces a higher one.
      const version = Math.max(known?.version ?? 0, item.version);
      this.#ended.set(key, { version, untilMs: Math.max(known?.untilMs ?? 0, untilMs) });
      this.#options.onRevoked(item);
    }
  }

  async #round(): Promise<void> {
    try {
      await this.#pull();
      this.#isStale = false;
    } catch (error) {
      if (!this.#isStale && !this.#isStopped) this.#options.onStale(error);
      this.#isStale = true;
    }
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#round(), PULL_EVERY_MS);
  }

  /** One at a time, whoever waits for it. */
  #pull(): Promise<void> {
    this.#pulling ??= this.#pullAll().finally(() => {
      this.#pulling = undefined;
    });
    return this.#pulling;
  }

  async #pullAll(): Promise<void> {
    const { pull, onKids } = this.#options;
    const since = this.#pulls % WHOLE_EVERY === 0 ? undefined : this.#asOf;
    let page = await pull({ ...(since !== undefined && { since }) });
    const { asOf, kids } = page;
    this.add(page.items);
    for (let pages = 1; page.nextCursor !== null && pages < MAX_PAGES; pages++) {
      page = await pull({ ...(since !== undefined && { since }), cursor: page.nextCursor });
      this.add(page.items);
    }
    this.#asOf = asOf;
    this.#pulls += 1;
    this.#forget();
    onKids(kids);
  }

  #forget(): void {
    const now = this.#options.clock.now();
    for (const [key, { untilMs }] of this.#ended) if (untilMs <= now) this.#ended.delete(key);
  }
}

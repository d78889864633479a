import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { RateLimited } from "./api.errors.ts";
import { addressKey, type Clients } from "./client-address.http.ts";
import {
  type CountedClass,
  countedLater,
  LIMIT_WINDOW_MS,
  type LimitClass,
  type LimitedBy,
  limitClasses,
  type Quotas,
} from "./limit-class.ts";
import type { Quota, RateLimiter, Verdict } from "./rate-limit.ts";
import type { Caller } from "./route.ts";

/** What names a caller for the limits: the API key where the request came with one, else the user. */
const ownerOf = ({ keyId, userId }: Caller): readonly [LimitedBy, string] =>
  keyId === undefined ? ["user", userId] : ["key", keyId];

const policies = new Map(
  limitClasses.flatMap((name) => (["address", "user", "key"] as const).map((by) => [`${name} ${by}`, `${name}-${by}`])),
);

/** The limits of requests, by class of route: of the client's address and, where it is known, of the caller. */
export class Limits {
  readonly #quotas: Readonly<Record<CountedClass, Quotas>>;
  readonly #limiter: RateLimiter;
  readonly #clients: Clients;
  /** A connection's own address does not change. */
  readonly #addresses = new WeakMap<Socket, { address: string; key: string }>();

  constructor(quotas: Readonly<Record<CountedClass, Quotas>>, limiter: RateLimiter, clients: Clients) {
    this.#quotas = quotas;
    this.#limiter = limiter;
    this.#clients = clients;
  }

  /** Throws RateLimited where the address has used up its limit, before anything is spent on the request. Counts nothing. */
  check(limit: LimitClass, req: IncomingMessage, res: ServerResponse): void {
    if (limit === "none") return;
    const refusal = this.#limiter.refusalOf([this.#ofAddress(limit, req)]);
    if (refusal !== undefined) this.#tell(refusal, res);
  }

  /** Counts a request, of nobody where its credentials were refused, and says on the answer what is left. Throws RateLimited. A
   *  promise only where the shared counters are asked. */
  count(limit: LimitClass, caller: Caller | undefined, req: IncomingMessage, res: ServerResponse): void | Promise<void> {
    if (limit === "none") return;
    const quotas = [this.#ofAddress(limit, req)];
    if (caller !== undefined) quotas.push(this.#quota(limit, ...ownerOf(caller)));
    if (countedLater.has(limit)) return this.#tell(this.#limiter.takeNow(quotas), res);
    return this.#limiter.take(quotas).then((verdict) => this.#tell(verdict, res));
  }

  #ofAddress(limit: CountedClass, req: IncomingMessage): Quota {
    const address = this.#clients.addressOf(req);
    let known = this.#addresses.get(req.socket);
    // Behind a proxy, one connection brings the requests of many.
    if (known?.address !== address) {
      known = { address, key: addressKey(address) };
      this.#addresses.set(req.socket, known);
    }
    return this.#quota(limit, "address", known.key);
  }

  #quota(limit: CountedClass, by: LimitedBy, whose: string): Quota {
    return {
      policy: policies.get(`${limit} ${by}`) as string,
      key: `${limit}:${by}:${whose}`,
      limit: this.#quotas[limit][by],
    };
  }

  /** The fields of draft-ietf-httpapi-ratelimit-headers-10, for the limit that leaves the least. */
  #tell({ allowed, quota: { policy, limit }, remaining, seconds }: Verdict, res: ServerResponse): void {
    res.setHeader("RateLimit-Policy", `"${policy}";q=${limit};w=${LIMIT_WINDOW_MS / 1000}`);
    res.setHeader("RateLimit", `"${policy}";r=${allowed ? remaining : 0};t=${seconds}`);
    if (!allowed) throw new RateLimited(seconds);
  }
}

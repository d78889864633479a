import { createHmac } from "node:crypto";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { type Clock, isoTime } from "@molecart/mixins/lib/clock.ts";
import { ConfigurationError } from "@molecart/mixins/lib/errors.ts";
import { newToken } from "@molecart/mixins/lib/ids.ts";
import type { Kysely } from "kysely";
import { createPrivateFile, readPrivateFile } from "./private-file.storage.ts";
import type { UsersWork } from "./session.operations.ts";
import { deleteEndedKeys, findSigningKeys, insertSigningKey, setOlderEnd } from "./signing-key.repository.ts";
import {
  isValid,
  maySign,
  newSigningKey,
  nextGeneration,
  type PublicJwk,
  resetTokenKey,
  type Signer,
  type SigningKey,
  sealingKey,
  toSigner,
} from "./signing-key.ts";
import type { UsersTables } from "./user.table.ts";
import type { UsersConfig } from "./users.config.ts";

type Tables = UsersTables & MessagingTables;
type Db = Kysely<Tables>;
type SecretPlace = Pick<UsersConfig, "keySecret" | "keySecretFile">;

/** The setting, or the secret that an embedded shop has made for itself. */
const readSecret = async ({ keySecret, keySecretFile }: SecretPlace): Promise<string> => {
  if (keySecret !== undefined) return keySecret;
  const kept = (await readPrivateFile(keySecretFile)) ?? (await createPrivateFile(keySecretFile, newToken()));
  if (kept.trim() === "") throw new ConfigurationError("DATA_DIR", `${keySecretFile} is empty; it held the secret of users`);
  return kept;
};

export interface Maintenance {
  /** How long a new key is published before it signs. */
  overlapMs: number;
  /** How long a token of it is good. */
  tokenMs: number;
  rotateAfterMs: number;
}

/** Brokers' clocks may differ, and a token may be signed a moment after its key was looked up. */
const CLOCK_MARGIN_MS = 60_000;

/** The keys of the access tokens. They live in the database, so that all brokers have the same: the newest valid one signs,
 *  all valid ones are shown. Read at each use, so that a rotation counts at once everywhere. */
export class KeyRing {
  readonly #clock: Clock;
  readonly #place: SecretPlace;
  readonly #signers = new Map<string, Signer>();
  #secret: Buffer | undefined;
  #resetKey: Buffer | undefined;

  constructor(clock: Clock, place: SecretPlace) {
    this.#clock = clock;
    this.#place = place;
  }

  /** The key that signs now; made if there is none. */
  async signer(db: Db): Promise<Signer> {
    const known = await findSigningKeys(db);
    const newest = known.find((key) => maySign(key, this.#now()));
    return this.#open(newest ?? (await this.#make(db, nextGeneration(known))));
  }

  async publicKeys(db: Db): Promise<PublicJwk[]> {
    const now = this.#now();
    return (await findSigningKeys(db)).filter((key) => isValid(key, now)).map(({ publicJwk }) => publicJwk);
  }

  /** Publishes a new key. It signs after the overlap, and the keys before it end when the last of their tokens has expired. Of
   *  compromised keys nothing is accepted any more, and the new one signs at once. Of brokers that do it at the same time one
   *  makes the key; the others answer it. */
  async rotate(
    work: UsersWork,
    { overlapMs, tokenMs, compromised = false }: { overlapMs: number; tokenMs: number; compromised?: boolean },
  ): Promise<{ kid: string; signsFrom: string }> {
    const now = Date.parse(work.now);
    const known = await findSigningKeys(work.trx);
    const signsFrom = isoTime(compromised ? now : now + overlapMs);
    const made = await newSigningKey(nextGeneration(known), await this.#sealingKey(), work.now, signsFrom);
    if (await insertSigningKey(work.trx, made)) {
      const end = compromised ? work.now : isoTime(Date.parse(signsFrom) + tokenMs + CLOCK_MARGIN_MS);
      await setOlderEnd(work.trx, made.generation, end);
      return { kid: made.kid, signsFrom };
    }
    const [newest] = await findSigningKeys(work.trx);
    return newest as SigningKey;
  }

  /** Rotates when the newest key has been signing for long enough, and deletes keys that have ended. */
  async maintain(work: UsersWork, { overlapMs, tokenMs, rotateAfterMs }: Maintenance): Promise<void> {
    await deleteEndedKeys(work.trx, work.now);
    const [newest] = await findSigningKeys(work.trx);
    if (newest === undefined || Date.parse(newest.signsFrom) + rotateAfterMs > Date.parse(work.now)) return;
    await this.rotate(work, { overlapMs, tokenMs });
  }

  /** The token of a password reset. It follows from the reset's id and the service's secret: repeatable for whoever sends the
   *  mail, and not to be had from the database. */
  async resetToken(resetId: string): Promise<string> {
    this.#resetKey ??= resetTokenKey(await readSecret(this.#place));
    return createHmac("sha256", this.#resetKey).update(resetId).digest("base64url");
  }

  /** The generation follows from the same look that found no valid key. So brokers that looked at the same time propose the
   *  same one: one row is written, and all of them read it. */
  async #make(db: Db, generation: number): Promise<SigningKey> {
    await insertSigningKey(db, await newSigningKey(generation, await this.#sealingKey(), this.#now()));
    const made = (await findSigningKeys(db)).find((key) => maySign(key, this.#now()));
    if (made === undefined) throw new Error(`The signing key of generation ${generation} is not there after it was made`);
    return made;
  }

  async #open(key: SigningKey): Promise<Signer> {
    const known = this.#signers.get(key.kid);
    if (known !== undefined) return known;
    const secret = await this.#sealingKey();
    const signer = await toSigner(key, secret).catch(() => {
      const { keySecret, keySecretFile } = this.#place;
      throw new ConfigurationError(
        keySecret === undefined ? keySecretFile : "USERS_KEY_SECRET",
        `does not open the signing key ${key.kid} in the database, which was sealed with another secret`,
      );
    });
    this.#signers.set(key.kid, signer);
    return signer;
  }

  async #sealingKey(): Promise<Buffer> {
    this.#secret ??= sealingKey(await readSecret(this.#place));
    return this.#secret;
  }

  #now(): string {
    return isoTime(this.#clock.now());
  }
}

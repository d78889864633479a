import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { type Clock, isoTime } from "@molecart/mixins/lib/clock.ts";
import { ConfigurationError } from "@molecart/mixins/lib/errors.ts";
import { newToken } from "@molecart/mixins/lib/ids.ts";
import type { Kysely } from "kysely";
import { createPrivateFile, readPrivateFile } from "./private-file.storage.ts";
import { findSigningKeys, insertSigningKey } from "./signing-key.repository.ts";
import {
  isValid,
  newSigningKey,
  nextGeneration,
  type PublicJwk,
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

/** The keys of the access tokens. They live in the database, so that all brokers have the same: the newest valid one signs,
 *  all valid ones are shown. Read at each use, so that a rotation counts at once everywhere. */
export class KeyRing {
  readonly #clock: Clock;
  readonly #place: SecretPlace;
  readonly #signers = new Map<string, Signer>();
  #secret: Buffer | undefined;

  constructor(clock: Clock, place: SecretPlace) {
    this.#clock = clock;
    this.#place = place;
  }

  /** The key that signs now; made if there is none. */
  async signer(db: Db): Promise<Signer> {
    const known = await findSigningKeys(db);
    const newest = known.find((key) => isValid(key, this.#now()));
    return this.#open(newest ?? (await this.#make(db, nextGeneration(known))));
  }

  async publicKeys(db: Db): Promise<PublicJwk[]> {
    const now = this.#now();
    return (await findSigningKeys(db)).filter((key) => isValid(key, now)).map(({ publicJwk }) => publicJwk);
  }

  /** The generation follows from the same look that found no valid key. So brokers that looked at the same time propose the
   *  same one: one row is written, and all of them read it. */
  async #make(db: Db, generation: number): Promise<SigningKey> {
    await insertSigningKey(db, await newSigningKey(generation, await this.#sealingKey(), this.#now()));
    const made = (await findSigningKeys(db)).find((key) => isValid(key, this.#now()));
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

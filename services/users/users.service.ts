import { REVOKED, type Revocation, users } from "@molecart/mixins/contracts/users.ts";
import { database } from "@molecart/mixins/database.mixin.ts";
import { implement } from "@molecart/mixins/implement.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import { ensureAdmin } from "./admin.operations.ts";
import { createApiKey, findHolder, noteUses, revokeApiKey } from "./api-key.operations.ts";
import { findApiKeys } from "./api-key.repository.ts";
import { seedDemo } from "./demo.operations.ts";
import { Limiter } from "./limiter.ts";
import { changeRoles, disableUser, enableUser, getManagedUser, listAudit, listUsers } from "./managed-user.operations.ts";
import { changePassword, FORGOTTEN, forgotPassword, issueResetToken, openReset, resetPassword } from "./password.operations.ts";
import { boundedPasswords } from "./password.ts";
import { listRevocations } from "./revocation.operations.ts";
import { login, logout, refresh, scheduleSweep, sweep, type UsersWork } from "./session.operations.ts";
import { KeyRing, type Maintenance } from "./signing-key.operations.ts";
import { TooManySignIns } from "./user.errors.ts";
import { addAddress, getUser, register, removeAddress, renameUser, replaceAddress } from "./user.operations.ts";
import { findAddresses } from "./user.repository.ts";
import type { UsersTables } from "./user.table.ts";
import { type UsersConfig, usersConfig } from "./users.config.ts";

const KEY_CARE = "care-for-signing-keys";
const KEY_CARE_EVERY_MS = 300_000;
const scheduleKeyCare = (work: UsersWork, dueAt: number): Promise<void> =>
  work.schedule({ id: KEY_CARE, kind: KEY_CARE, aggregateId: KEY_CARE, dueAt });
const maintenance = ({ signingKeys, accessTokenSeconds }: UsersConfig): Maintenance => ({
  ...signingKeys,
  tokenMs: accessTokenSeconds * 1000,
});

export default implement(users, {
  mixins: [database<UsersTables>({ name: "users", migrations: new URL("./migrations/", import.meta.url) })],

  vars: (broker) => {
    const { env, clock } = runtimeOf(broker);
    const config = usersConfig(env);
    const limiter = new Limiter({ ...config.hashing, refusal: () => new TooManySignIns() });
    const announce = (items: readonly Revocation[]): void => {
      if (items.length === 0) return;
      const said = broker.broadcast(REVOKED, { items });
      // Gateways ask by themselves every few seconds.
      said.catch((error: unknown) => broker.logger.warn("Revocations were not announced", { error: messageOf(error) }));
    };
    return { config, passwords: boundedPasswords(limiter), keys: new KeyRing(clock, config), announce };
  },

  actions: {
    register(ctx) {
      return register(this, ctx.params);
    },

    login(ctx) {
      return login(this, ctx.params);
    },

    refresh(ctx) {
      return refresh(this, ctx.params);
    },

    logout(ctx) {
      return logout(this, ctx.params);
    },

    async jwks() {
      return { keys: await this.keys.publicKeys(this.database.db) };
    },

    get(ctx) {
      return getUser(this, ctx.params);
    },

    update(ctx) {
      return renameUser(this, ctx.params);
    },

    async listAddresses({ params: { userId } }) {
      return { items: await findAddresses(this.database.db, userId) };
    },

    addAddress(ctx) {
      return this.transaction((work) => addAddress(work, ctx.params));
    },

    setAddress(ctx) {
      return replaceAddress(this, ctx.params);
    },

    removeAddress(ctx) {
      return removeAddress(this, ctx.params);
    },

    forgotPassword(ctx) {
      return forgotPassword(this, ctx.params);
    },

    resetPassword(ctx) {
      return resetPassword(this, ctx.params);
    },

    changePassword(ctx) {
      return changePassword(this, ctx.params);
    },

    issueResetToken(ctx) {
      return issueResetToken(this, ctx.params);
    },

    createApiKey(ctx) {
      return this.transaction((work) => createApiKey(work, ctx.params));
    },

    async listApiKeys({ params: { userId } }) {
      return { items: await findApiKeys(this.database.db, userId) };
    },

    revokeApiKey(ctx) {
      return revokeApiKey(this, ctx.params);
    },

    findApiKey(ctx) {
      return findHolder(this, ctx.params);
    },

    noteApiKeyUse(ctx) {
      return this.transaction((work) => noteUses(work, ctx.params));
    },

    revocations(ctx) {
      return listRevocations(this, ctx.params);
    },

    async rotateSigningKeys({ params: { actor, compromised } }) {
      const rotated = await this.transaction((work) => this.keys.rotate(work, { ...maintenance(this.config), compromised }));
      this.logger.info("Signing keys rotated", { actor, compromised: compromised === true, ...rotated });
      return rotated;
    },

    list(ctx) {
      return listUsers(this, ctx.params);
    },

    getManaged(ctx) {
      return getManagedUser(this, ctx.params);
    },

    setRoles(ctx) {
      return changeRoles(this, ctx.params);
    },

    disable(ctx) {
      return disableUser(this, ctx.params);
    },

    enable(ctx) {
      return enableUser(this, ctx.params);
    },

    audit(ctx) {
      return listAudit(this, ctx.params);
    },

    seedDemo() {
      return seedDemo(this);
    },
  },

  jobs: {
    "sweep-refresh-tokens": {
      async handler(job) {
        await job.complete((work) => sweep(work, this.config));
      },
    },
    [FORGOTTEN]: {
      handler(job) {
        return openReset(this, job);
      },
    },
    [KEY_CARE]: {
      async handler(job) {
        await job.complete(async (work) => {
          await this.keys.maintain(work, maintenance(this.config));
          await scheduleKeyCare(work, Date.parse(work.now) + KEY_CARE_EVERY_MS);
        });
      },
    },
  },

  async started() {
    // Here rather than at the first sign-in: a wrong secret stops the start.
    await this.keys.signer(this.database.db);
    await ensureAdmin(this);
    await this.transaction(async (work) => {
      await scheduleSweep(work, this.clock.now());
      await scheduleKeyCare(work, this.clock.now());
    });
  },
});

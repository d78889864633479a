import { users } from "@molecart/mixins/contracts/users.ts";
import { database } from "@molecart/mixins/database.mixin.ts";
import { implement } from "@molecart/mixins/implement.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import { ensureAdmin } from "./admin.operations.ts";
import { seedDemo } from "./demo.operations.ts";
import { Limiter } from "./limiter.ts";
import { boundedPasswords } from "./password.ts";
import { login, logout, refresh, scheduleSweep, sweep } from "./session.operations.ts";
import { KeyRing } from "./signing-key.operations.ts";
import { TooManySignIns } from "./user.errors.ts";
import { addAddress, getUser, register, removeAddress, renameUser, replaceAddress } from "./user.operations.ts";
import { findAddresses } from "./user.repository.ts";
import type { UsersTables } from "./user.table.ts";
import { usersConfig } from "./users.config.ts";

export default implement(users, {
  mixins: [database<UsersTables>({ name: "users", migrations: new URL("./migrations/", import.meta.url) })],

  vars: (broker) => {
    const { env, clock } = runtimeOf(broker);
    const config = usersConfig(env);
    const limiter = new Limiter({ ...config.hashing, refusal: () => new TooManySignIns() });
    return { config, passwords: boundedPasswords(limiter), keys: new KeyRing(clock, config) };
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
      return this.transaction((work) => logout(work, ctx.params));
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

    seedDemo() {
      return seedDemo(this);
    },
  },

  jobs: {
    "sweep-refresh-tokens": {
      async handler(job) {
        await job.complete(sweep);
      },
    },
  },

  async started() {
    // Here rather than at the first sign-in: a wrong secret stops the start.
    await this.keys.signer(this.database.db);
    await ensureAdmin(this);
    await this.transaction((work) => scheduleSweep(work, this.clock.now()));
  },
});

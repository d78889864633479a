import { afterEach, describe, expect, test } from "@jest/globals";
import type { UsersTables } from "../../services/users/user.table.ts";
import { openStage, type Stage } from "../support/stage.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

const login = { email: "admin@molecart.example", password: "a long enough passphrase" };
const settings = (password = login.password) => ({ USERS_ADMIN_EMAIL: login.email, USERS_ADMIN_PASSWORD: password });

describe("The first administrator", () => {
  let stage: Stage<UsersTables> | undefined;
  const start = async (env: Record<string, string>) => {
    stage = await openStage<UsersTables>({ service: "users", env: { LOG_LEVEL: "fatal", ...env } });
    return stage;
  };
  afterEach(async () => {
    await stage?.close();
    stage = undefined;
    removeDataDirs();
  });

  test("is made at the start, and signs in with the roles of staff and admin", async () => {
    const { call } = await start({ DATA_DIR: temporaryDataDir(), ...settings() });
    expect((await call("v1.users.login", login)).user.roles).toEqual(["staff", "admin"]);
  });

  test("is not made of an account that somebody has registered before", async () => {
    const DATA_DIR = temporaryDataDir();
    const { call, close } = await start({ DATA_DIR });
    await call("v1.users.register", { ...login, name: "Somebody" });
    await close();
    const again = await start({ DATA_DIR, ...settings("another passphrase") });
    expect((await again.call("v1.users.login", login)).user.roles).toEqual(["customer"]);
  });

  test("keeps a password of its own choice when the shop starts again", async () => {
    const DATA_DIR = temporaryDataDir();
    await (await start({ DATA_DIR, ...settings() })).close();
    const { call } = await start({ DATA_DIR, ...settings("another passphrase") });
    await expect(call("v1.users.login", login)).resolves.toMatchObject({ user: { email: login.email } });
  });

  test("needs a password, which is asked for by the setting's name", async () => {
    await expect(start({ DATA_DIR: temporaryDataDir(), USERS_ADMIN_EMAIL: login.email })).rejects.toThrow(
      /USERS_ADMIN_PASSWORD: must be set/,
    );
    await expect(start({ DATA_DIR: temporaryDataDir(), ...settings("short") })).rejects.toThrow(
      /USERS_ADMIN_PASSWORD: must have at least 10/,
    );
  });
});

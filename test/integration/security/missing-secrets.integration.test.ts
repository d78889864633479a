import { spawn } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, jest, test } from "@jest/globals";
import { GuardedShop } from "../../support/security/guarded-shop.ts";
import { removeDataDirs, temporaryDataDir } from "../../support/worlds.ts";

jest.setTimeout(60_000);
afterAll(removeDataDirs);

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const LONG = "0123456789abcdef0123456789abcdef";
/** Of a cluster whose servers are not there: it must not come so far as to look for them. */
const SERVED = { NATS_URL: "nats://127.0.0.1:1" };

interface Ended {
  code: number | null;
  output: string;
}

/** A broker as an operator starts it, until it ends by itself. */
const start = (command: readonly string[], env: Record<string, string>): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [`mixins/commands/${command[0]}`, ...command.slice(1)], {
      cwd: ROOT,
      env: { PATH: process.env.PATH as string, API_PORT: "0", PAYMENTS_PORT: "0", DATA_DIR: temporaryDataDir(), ...env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 30_000,
      killSignal: "SIGKILL",
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (part: Buffer) => {
        output += part.toString();
      });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });

/** Service, or all of them embedded; the variable that is missing or unfit, and the settings that it stands in. */
const unfit: readonly [service: string, variable: string, env: Record<string, string>][] = [
  ["users", "USERS_KEY_SECRET", SERVED],
  ["users", "USERS_KEY_SECRET", { ...SERVED, USERS_KEY_SECRET: "" }],
  ["users", "USERS_KEY_SECRET", { ...SERVED, USERS_KEY_SECRET: "too short" }],
  ["all", "USERS_KEY_SECRET", { USERS_KEY_SECRET: "too short" }],
  ["users", "USERS_ADMIN_PASSWORD", { ...SERVED, USERS_KEY_SECRET: LONG, USERS_ADMIN_EMAIL: "admin@example.com" }],
  [
    "users",
    "USERS_ADMIN_PASSWORD",
    { ...SERVED, USERS_KEY_SECRET: LONG, USERS_ADMIN_EMAIL: "admin@example.com", USERS_ADMIN_PASSWORD: "too short" },
  ],
  ["payments", "PAYMENTS_SANDBOX_WEBHOOK_SECRET", SERVED],
  ["payments", "PAYMENTS_SANDBOX_WEBHOOK_SECRET", { ...SERVED, PAYMENTS_SANDBOX_WEBHOOK_SECRET: "too short" }],
  ["all", "PAYMENTS_SANDBOX_WEBHOOK_SECRET", { PAYMENTS_SANDBOX_WEBHOOK_SECRET: "too short" }],
  ["notifications", "SMTP_URL", SERVED],
];

describe("A broker that lacks a secret, or has one that is none, ends and names it:", () => {
  test.each(unfit)("%s %s (%j)", async (service, variable, env) => {
    const { code, output } = await start(service === "all" ? ["start.ts"] : ["broker.ts", service], env);
    expect(code).toBe(1);
    expect(output).toContain(variable);
    // A sentence for whoever starts it; what was given is not repeated.
    expect(output).not.toMatch(/\n\s+at /);
    expect(output).not.toContain("too short");
  });
});

const sources = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name));

test("Every setting that is a secret is among those", () => {
  const named = sources("services")
    .concat(sources("mixins"))
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => [
      ...readFileSync(file, "utf8").matchAll(/"([A-Z][A-Z0-9_]*(?:SECRET|PASSWORD|TOKEN|API_KEY|PASSPHRASE))"/g),
    ])
    .map(([, name]) => name as string)
    // The code of a problem, not a setting.
    .filter((name) => !/^(INVALID|WRONG)_/.test(name));
  const tried = new Set(unfit.map(([, variable]) => variable));
  expect([...new Set(named)].filter((name) => !tried.has(name))).toEqual([]);
});

/** Look like secrets, and are examples in the documents. */
const EXAMPLES = /mixins[\\/]openapi[\\/]examples\.ts$/;

test("No file of the shop has a secret in it, or a default for one", () => {
  const top = readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(ROOT, entry.name));
  const files = [...top, ...["services", "mixins", "client", "docs"].flatMap(sources)].filter(
    (file) =>
      /\.(ts|js|json|ya?ml|md|env|sh|conf|toml)$|Dockerfile$|\.env/.test(file) &&
      !/package-lock|shop-api\.ts$/.test(file) &&
      !EXAMPLES.test(file),
  );
  expect(files.length).toBeGreaterThan(200);
  const suspects = files.flatMap((file) =>
    readFileSync(file, "utf8")
      .split("\n")
      .filter(
        (line) =>
          /-----BEGIN [A-Z ]*PRIVATE KEY/.test(line) ||
          /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\./.test(line) ||
          /\b(mck_|sk_live_|sk_test_|whsec_|ghp_|AKIA)[A-Za-z0-9]{12,}/.test(line) ||
          // NAME_SECRET=value, in shells, manifests and tables; a placeholder is none.
          /\b[A-Z][A-Z0-9_]*(SECRET|PASSWORD|PASSPHRASE)["']?\s*[=:]\s*["']?[A-Za-z0-9+/]{8,}/.test(line) ||
          /:\/\/[\w.-]+:(?!password@|…)[\w-]{3,}@/.test(line) ||
          /(secret|password)\w*["']?\s*[:=]\s*["'`](?![A-Z_]+["'`])[A-Za-z0-9+/=_-]{12,}["'`]/i.test(
            line.replace(/^.*"(GET|PUT|POST|DELETE|PATCH) .*$/, ""),
          ),
      )
      .map((line) => `${file.slice(ROOT.length)}: ${line.trim().slice(0, 120)}`),
  );
  expect(suspects).toEqual([]);
});

test("Embedded, each shop makes its own, for its owner's eyes only", async () => {
  const shops = [await GuardedShop.open(), await GuardedShop.open({ NODE_ID: "another" })];
  const secrets = shops.map(({ dataDir }) =>
    ["users.secret", "payments-sandbox-webhook.secret"].map((name) => {
      expect([name, (statSync(join(dataDir, name)).mode & 0o777).toString(8)]).toEqual([name, "600"]);
      return readFileSync(join(dataDir, name), "utf8").trim();
    }),
  );
  for (const secret of secrets.flat()) expect(secret.length).toBeGreaterThanOrEqual(32);
  expect(new Set(secrets.flat()).size).toBe(4);
  await Promise.all(shops.map((shop) => shop.stop()));
});

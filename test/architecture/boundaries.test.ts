import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
const rules = join(root, ".dependency-cruiser.cjs");
const cruiser = join(root, "node_modules", "dependency-cruiser", "bin", "dependency-cruiser.mjs");

interface Violation {
  from: string;
  to: string;
  rule: { name: string };
}

const cruise = (folder: string): Violation[] => {
  const { stdout, stderr } = spawnSync(process.execPath, [cruiser, "--config", rules, "--output-type", "json", "."], {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout).summary.violations;
};

/** Each rule's name, with what breaks it: [file, its source] and perhaps a second file. */
const BREAKS: Record<string, [file: string, source: string][]> = {
  "service-imports-service": [
    ["services/orders/a.repository.ts", 'import "../payments/payment.errors.ts";'],
    ["services/orders/g.repository.ts", 'import type { Refused } from "@molecart/payments/payment.errors.ts";'],
  ],
  "service-imports-beyond-mixins": [["services/orders/b.repository.ts", 'import type { Tool } from "../../tool.ts";']],
  "service-imports-mixins-by-path": [["services/orders/c.repository.ts", 'import "../../mixins/lib/money.ts";']],
  "mixins-import-beyond-mixins": [["mixins/a.mixin.ts", 'import "../services/payments/payment.errors.ts";']],
  "client-imports-ours": [["client/a.ts", 'import type { Money } from "../mixins/lib/money.ts";']],
  "contracts-import-ours": [["mixins/contracts/a.ts", 'import type { Money } from "../lib/money.ts";']],
  "lib-imports-ours": [["mixins/lib/a.ts", 'import type { Contract } from "../contracts/contract.ts";']],
  "lib-uses-framework-or-io": [
    ["mixins/lib/b.ts", 'import { Errors } from "moleculer";'],
    ["mixins/lib/c.ts", 'import type { Client } from "pg";'],
  ],
  "lib-uses-node-io": [
    ["mixins/lib/d.ts", 'import { readFile } from "node:fs/promises";'],
    ["mixins/lib/e.ts", 'export const load = () => import("node:http");'],
    ["mixins/lib/f.ts", 'import { DatabaseSync } from "node:sqlite";'],
  ],
  "domain-uses-framework-or-io": [
    ["services/orders/kysely.ts", 'import type { Kysely } from "kysely";'],
    ["services/orders/redis.ts", 'import { Redis } from "ioredis";'],
    ["services/orders/broker.ts", 'import type { ServiceBroker } from "moleculer";'],
    ["services/orders/client.ts", 'import pg from "pg";'],
  ],
  "domain-uses-node-io": [["services/orders/file.ts", 'import { readFileSync } from "fs";']],
  "domain-imports-impure-neighbour": [
    ["services/orders/order.ts", 'export * from "./order.repository.ts";'],
    ["services/orders/line.ts", 'import "@molecart/mixins/database/database.ts";'],
  ],
  "imports-test": [
    ["services/orders/d.repository.ts", 'import "../../test/support/eventually.ts";'],
    ["mixins/b.mixin.ts", 'import "../test/support/eventually.ts";'],
    ["tool.ts", 'import "./test/support/eventually.ts";\nexport interface Tool {}'],
  ],
  circular: [
    ["mixins/one.mixin.ts", 'import { two } from "./two.mixin.ts";\nexport const one = () => two;'],
    ["mixins/two.mixin.ts", 'import { one } from "./one.mixin.ts";\nexport const two = () => one;'],
  ],
  "production-imports-dev-dependency": [["services/orders/e.repository.ts", 'import "fast-check";']],
  "production-imports-undeclared": [["mixins/c.mixin.ts", 'import "@babel/core";']],
  unresolvable: [["services/orders/f.repository.ts", 'import "./gone.ts";']],
};

const ALLOWED: [file: string, source: string][] = [
  [
    "services/orders/order.repository.ts",
    'import { sql } from "kysely";\nimport type { Money } from "@molecart/mixins/lib/money.ts";',
  ],
  ["services/orders/pure.ts", 'import { createHash } from "node:crypto";\nimport "@molecart/mixins/lib/money.ts";'],
  ["services/orders/migrations/0001_orders.ts", 'import { sql } from "kysely";\nimport "@molecart/mixins/database/database.ts";'],
  ["services/orders/types.config.ts", 'import type { Arbitrary } from "fast-check";'],
  ["services/payments/payment.errors.ts", "export {};"],
  ["mixins/database/database.ts", 'import pg from "pg";\nimport { readFileSync } from "node:fs";\nimport "../lib/money.ts";'],
  ["client/generate.ts", 'import type { Money } from "../mixins/lib/money.ts";'],
  ["mixins/lib/money.ts", 'import { join } from "node:path";\nexport interface Money {}'],
  ["mixins/contracts/contract.ts", 'import type { Static } from "typebox";\nexport interface Contract {}'],
  ["mixins/husband.mixin.ts", 'import type { Wife } from "./wife.mixin.ts";\nexport interface Husband { wife: Wife }'],
  ["mixins/wife.mixin.ts", 'import { type Husband } from "./husband.mixin.ts";\nexport interface Wife { husband: Husband }'],
  [
    "mixins/disposable.mixin.ts",
    "export const work = () => {\n  using handle = { [Symbol.dispose]() {} };\n  return handle;\n};",
  ],
  ["test/support/eventually.ts", 'import "../../services/orders/pure.ts";\nexport {};'],
];

/** Packages as npm lays them out: ours as links to their folders, all others from here. */
const layOut = (folder: string, files: [file: string, source: string][]): void => {
  for (const file of ["package.json", "mixins/package.json", "services/orders/package.json", "services/payments/package.json"]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), JSON.stringify(createRequire(import.meta.url)(join(root, file))));
  }
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@molecart"), { recursive: true });
  symlinkSync(join(folder, "mixins"), join(modules, "@molecart", "mixins"));
  symlinkSync(join(folder, "services", "payments"), join(modules, "@molecart", "payments"));
  for (const name of readdirSync(join(root, "node_modules")))
    if (name !== "@molecart" && !name.startsWith(".")) symlinkSync(join(root, "node_modules", name), join(modules, name));
  for (const [file, source] of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), `${source}\n`);
  }
};

describe("the import rules", () => {
  let folder: string;
  let violations: Violation[];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "molecart-boundaries-"));
    layOut(folder, [...ALLOWED, ...Object.values(BREAKS).flat()]);
    violations = cruise(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const brokenBy = (file: string): string[] => [
    ...new Set(violations.filter(({ from }) => from === file).map(({ rule }) => rule.name)),
  ];

  it("have each been seen broken here", () => {
    const { forbidden } = createRequire(import.meta.url)(rules) as { forbidden: { name: string }[] };
    expect(forbidden.map(({ name }) => name)).toEqual(Object.keys(BREAKS));
  });

  for (const [rule, files] of Object.entries(BREAKS))
    for (const [file, source] of files)
      it(`${rule}: ${file} must not ${source.split("\n")[0]}`, () => {
        // A cycle is told once, from one of its members.
        const told = rule === "circular" ? files.flatMap(([member]) => brokenBy(member)) : brokenBy(file);
        expect(told).toContain(rule);
      });

  it.each(ALLOWED)("let %s be", (file) => expect(brokenBy(file)).toEqual([]));

  it("hold in this repository", () => {
    expect(cruise(root).map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)).toEqual([]);
  });
});

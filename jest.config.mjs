import { readdirSync } from "node:fs";
import vm from "node:vm";

if (vm.SourceTextModule === undefined)
  throw new Error("Start Jest by the npm scripts (npm test -- <path>): ES modules need a Node flag");

/** Milliseconds a test may take: a folder that is not named here starts brokers and servers. */
const timeoutMs = { unit: 5_000, contract: 10_000, integration: 30_000, distributed: 60_000 };
const slowestMs = 120_000;

const project = (folder) => ({
  displayName: folder,
  rootDir: import.meta.dirname,
  testEnvironment: "node",
  testMatch: [`<rootDir>/test/${folder}/**/*.test.ts`],
  globals: { testTimeoutMs: timeoutMs[folder] ?? slowestMs },
  extensionsToTreatAsEsm: [".ts"],
  transform: { "^.+\\.ts$": "<rootDir>/test/support/jest/strip.cjs" },
  setupFiles: ["<rootDir>/test/support/jest/setup.cjs"],
  setupFilesAfterEnv: ["<rootDir>/test/support/jest/timeout.cjs"],
  // The stores of running shops and servers come and go; Jest's crawl must not trip over them.
  modulePathIgnorePatterns: ["<rootDir>/data/", "<rootDir>/.test-servers/"],
});

const folders = readdirSync(new URL("test", import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== "support")
  .map((entry) => entry.name);

export default {
  projects: folders.map(project),
  maxWorkers: 2,
  reporters: ["default"],
  testResultsProcessor: "<rootDir>/test/support/jest/summary-line.cjs",
  collectCoverageFrom: ["services/**/*.ts", "mixins/**/*.ts"],
};

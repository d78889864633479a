import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNats } from "./servers/nats.ts";
import { type PostgresServer, startPostgres } from "./servers/postgres.ts";
import type { RunningServer } from "./servers/process.ts";

/** Where the services of a test live: everything embedded in one process, or real servers. */
export interface World {
  /** Settings for brokers whose services have these SQL stores. Each call makes empty stores of its own. */
  environment(...sqlServices: string[]): Promise<Record<string, string>>;
  nats?: RunningServer;
  postgres?: PostgresServer;
  close(): Promise<void>;
}

const temporaryFolders: string[] = [];

export const temporaryDataDir = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "molecart-data-"));
  temporaryFolders.push(folder);
  return folder;
};

export const removeDataDirs = (): void => {
  for (const folder of temporaryFolders.splice(0)) rmSync(folder, { recursive: true, force: true });
};

export const embeddedWorld = async (): Promise<World> => ({
  environment: async () => ({ DATA_DIR: temporaryDataDir(), LOG_LEVEL: "fatal", RATE_LIMIT: "off" }),
  close: async () => removeDataDirs(),
});

export const servedWorld = async (): Promise<World> => {
  const [nats, postgres] = await Promise.all([startNats({ jetstream: true }), startPostgres()]);
  let count = 0;
  return {
    nats,
    postgres,
    environment: async (...sqlServices) => {
      count += 1;
      const databases = await Promise.all(
        sqlServices.map(async (service) => [
          `${service.toUpperCase()}_DATABASE_URL`,
          await postgres.createDatabase(`${service}_${count}`),
        ]),
      );
      return {
        NATS_URL: nats.url,
        NAMESPACE: `test${count}`,
        HOST: "127.0.0.1",
        DATA_DIR: temporaryDataDir(),
        LOG_LEVEL: "fatal",
        RATE_LIMIT: "off",
        ...Object.fromEntries(databases),
      };
    },
    close: async () => {
      await Promise.all([nats.stop(), postgres.stop()]);
      removeDataDirs();
    },
  };
};

/** Both, with the servers that each needs: one suite, run in each. */
export const worlds = [
  { world: "embedded", servers: [], open: embeddedWorld },
  { world: "served by NATS and PostgreSQL", servers: ["nats", "postgres"], open: servedWorld },
] as const;

import { spawnSync } from "node:child_process";
import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The servers that the helpers start. */
export const LOCAL_SERVERS = ["nats", "postgres", "redis"] as const;
export type LocalServer = (typeof LOCAL_SERVERS)[number];

/** The servers that only the environment can give, by the variable that holds their URL. */
export const REMOTE_SERVERS = { mongo: "TEST_MONGO_URL", elasticsearch: "TEST_ELASTICSEARCH_URL" } as const;
export type RemoteServer = keyof typeof REMOTE_SERVERS;

export type Server = LocalServer | RemoteServer;

export type Found =
  | { by: "binary"; path: string }
  | { by: "docker"; image: string }
  | { by: "url"; url: string }
  | { by: "nothing"; reason: string };

interface Recipe {
  /** Names a file, or for PostgreSQL the directory with all of its programs. */
  variable: string;
  programs: readonly string[];
  image: string;
  debianPackage: string;
}

export const RECIPES: Readonly<Record<LocalServer, Recipe>> = {
  nats: { variable: "TEST_NATS_SERVER", programs: ["nats-server"], image: "nats:2", debianPackage: "nats-server" },
  postgres: {
    variable: "TEST_POSTGRES_BIN",
    programs: ["postgres", "initdb"],
    image: "postgres:17",
    debianPackage: "postgresql",
  },
  redis: { variable: "TEST_REDIS_SERVER", programs: ["redis-server"], image: "redis:7", debianPackage: "redis-server" },
};

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** Debian keeps PostgreSQL's programs out of the PATH, one directory per version; the newest comes first here. They are
 *  preferred to what the PATH has, because that may be a wrapper. */
const debianPostgresDirectories = (): string[] => {
  const root = "/usr/lib/postgresql";
  try {
    return readdirSync(root)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(root, version, "bin"));
  } catch {
    return [];
  }
};

const directories = (server: LocalServer): string[] => [
  ...(server === "postgres" ? debianPostgresDirectories() : []),
  ...(process.env.PATH ?? "").split(delimiter).filter((directory) => directory !== ""),
  "/usr/sbin",
  "/usr/local/sbin",
  "/usr/local/bin",
];

const findBinary = (server: LocalServer): Found | undefined => {
  const { variable, programs } = RECIPES[server];
  const given = process.env[variable];
  const hasAll = (directory: string): boolean => programs.every((program) => isExecutable(join(directory, program)));

  if (given !== undefined && given !== "") {
    if (server === "postgres" ? hasAll(given) : isExecutable(given)) return { by: "binary", path: given };
    throw new Error(`${variable}=${given} has no executable ${programs.join(" and ")}`);
  }
  const directory = directories(server).find(hasAll);
  if (directory === undefined) return undefined;
  return { by: "binary", path: server === "postgres" ? directory : join(directory, programs[0]!) };
};

let docker: boolean | undefined;
export const dockerRuns = (): boolean => {
  // Asks the daemon: the client alone, which many machines have, runs nothing.
  docker ??= spawnSync("docker", ["version", "--format", "{{.Server.Version}}"], { timeout: 10_000 }).status === 0;
  return docker;
};

/** PostgreSQL refuses to run as root, so root needs somebody to run it as. */
export const isRoot = (): boolean => process.getuid?.() === 0;
export const idOf = (which: "-u" | "-g", user: string): number | undefined => {
  const { status, stdout } = spawnSync("id", [which, user], { encoding: "utf8" });
  return status === 0 ? Number(stdout.trim()) : undefined;
};

const findLocal = (server: LocalServer): Found => {
  const binary = findBinary(server);
  const lacksUser = server === "postgres" && binary !== undefined && isRoot() && idOf("-u", "postgres") === undefined;
  if (binary !== undefined && !lacksUser) return binary;
  if (dockerRuns()) return { by: "docker", image: RECIPES[server].image };
  if (lacksUser) return { by: "nothing", reason: "root cannot run it and there is no user postgres" };
  const { variable, programs } = RECIPES[server];
  return { by: "nothing", reason: `no ${programs[0]} in the PATH or by ${variable}, and no running Docker` };
};

const findRemote = (server: RemoteServer): Found => {
  const url = process.env[REMOTE_SERVERS[server]];
  return url ? { by: "url", url } : { by: "nothing", reason: `${REMOTE_SERVERS[server]} is not set` };
};

/** Where a server comes from on this machine: the environment, else an installed binary, else Docker. */
export const findServer = (server: Server): Found =>
  server === "mongo" || server === "elasticsearch" ? findRemote(server) : findLocal(server);

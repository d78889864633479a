import { execFile } from "node:child_process";
import { rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { findServer, idOf, isRoot } from "./find.ts";
import {
  dockerLaunch,
  firstAnswer,
  type Launch,
  type Owner,
  type RunningServer,
  startServer,
  temporaryFolder,
} from "./process.ts";

const run = promisify(execFile);

export interface PostgresOptions {
  port?: number;
  /** On by default, because tests kill the server and look at what it kept. */
  fsync?: boolean;
}

export interface PostgresServer extends RunningServer {
  /** Creates a database and returns its URL. */
  createDatabase(name: string): Promise<string>;
}

/** Room for several services with a pool each. */
const MAX_CONNECTIONS = 200;

const owner = (): Owner | undefined => {
  if (!isRoot()) return undefined;
  const uid = idOf("-u", "postgres");
  const gid = idOf("-g", "postgres");
  if (uid === undefined || gid === undefined) throw new Error("There is no user postgres to run PostgreSQL as");
  return { uid, gid };
};

const isOwn = async (folder: string, runAs: Owner | undefined): Promise<boolean> => {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) return false;
  // Temporary folders are shared: somebody else could have laid a cluster with settings of his there.
  if (found.uid !== (runAs?.uid ?? process.getuid?.())) throw new Error(`${folder} belongs to somebody else`);
  return true;
};

/** initdb takes a second and a copy of its result a tenth, so there is one cluster per installation to copy from. It is
 *  made aside and renamed: of two test processes that make it at once, the later finds it there and takes it. */
const template = async (bin: string, runAs: Owner | undefined): Promise<string> => {
  const { stdout } = await run(join(bin, "initdb"), ["--version"]);
  const version = /[\d.]+/.exec(stdout)?.[0] ?? "unknown";
  const folder = join(tmpdir(), `molecart-postgres-template-${version}-${runAs?.uid ?? process.getuid?.()}`);
  if (await isOwn(folder, runAs)) return folder;

  const made = temporaryFolder("initdb", runAs);
  const settings = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--wal-segsize=1", "--no-sync"];
  await run(join(bin, "initdb"), ["-D", made, ...settings], { ...runAs, cwd: "/" });
  try {
    await rename(made, folder);
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    if (!(await isOwn(folder, runAs))) throw error;
  }
  return folder;
};

const settings = (fsync: boolean): string[] => [
  "-c",
  `max_connections=${MAX_CONNECTIONS}`,
  "-c",
  `fsync=${fsync ? "on" : "off"}`,
];

const launch = (fsync: boolean, port: number, folder: string): Launch => {
  const found = findServer("postgres");
  if (found.by === "docker")
    return dockerLaunch(found.image, {
      port,
      folder,
      innerPort: 5432,
      innerData: "/var/lib/postgresql/data",
      env: ["POSTGRES_HOST_AUTH_METHOD=trust"],
      args: ["postgres", ...settings(fsync)],
    });
  if (found.by !== "binary") throw new Error("There is no PostgreSQL here; wrap the suite in describeWith");
  const args = [
    "-D",
    folder,
    "-p",
    String(port),
    "-c",
    "listen_addresses=127.0.0.1",
    "-c",
    "unix_socket_directories=",
    ...settings(fsync),
  ];
  const runAs = owner();
  return { command: join(found.path, "postgres"), args, ...(runAs === undefined ? {} : { owner: runAs }) };
};

/** Protocol 3.0, user postgres. */
const startupPacket = (): Buffer => {
  const body = Buffer.from("\0\x03\0\0user\0postgres\0\0", "latin1");
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([length, body]);
};

/** Answers with an Authentication message (R) when it is ready, with an Error (E) while it starts or recovers. */
const probe = async (port: number): Promise<boolean> => (await firstAnswer(port, startupPacket()))?.[0] === "R".charCodeAt(0);

const fill = async (folder: string): Promise<void> => {
  const found = findServer("postgres");
  if (found.by !== "binary") return;
  const source = await template(found.path, owner());
  // Only cp keeps the owner; with the dot it copies into the folder that is there, with the source's mode.
  await run("cp", ["-a", `${source}/.`, folder]);
};

const url = (port: number, database: string): string => `postgres://postgres@127.0.0.1:${port}/${database}`;

const createDatabase = async (port: number, name: string): Promise<string> => {
  const client = new pg.Client({ connectionString: url(port, "postgres") });
  await client.connect();
  try {
    await client.query(`create database ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
  return url(port, name);
};

export const startPostgres = async ({ port, fsync = true }: PostgresOptions = {}): Promise<PostgresServer> => {
  const server = await startServer({
    name: "postgres",
    launch: (onPort, folder) => launch(fsync, onPort, folder),
    probe,
    url: (onPort) => url(onPort, "postgres"),
    // Immediate shutdown: without a checkpoint, but with all of its processes, unlike SIGKILL.
    stopSignal: "SIGQUIT",
    owner: findServer("postgres").by === "binary" ? owner() : undefined,
    prepare: fill,
    port,
  });
  return Object.assign(server, { createDatabase: (name: string) => createDatabase(server.port, name) });
};

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findServer, isRoot, LOCAL_SERVERS, type LocalServer, RECIPES, REMOTE_SERVERS, type Server } from "./servers/find.ts";

/** Runs before the tests: gets the servers that they start onto this machine where it can, and says by name what is
 *  missing and which suites therefore do not run. Never fails: the tests that can run shall run. */

const APT_WITHIN_MS = 5 * 60_000;
const PULL_WITHIN_MS = 5 * 60_000;
const root = join(import.meta.dirname, "..", "..");

const say = (...lines: string[]): void => console.log(lines.join("\n"));

const succeeds = (command: string, args: readonly string[], options: { timeout: number; env?: NodeJS.ProcessEnv }): boolean =>
  spawnSync(command, args, { ...options, stdio: ["ignore", "ignore", "inherit"] }).status === 0;

/** The words before a command that make it run as root without a password; undefined where nothing does. */
const asRoot = (): string[] | undefined => {
  if (isRoot()) return [];
  return spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0 ? ["sudo", "-n"] : undefined;
};

const aptGet = (prefix: readonly string[], ...args: string[]): boolean => {
  const [command, ...rest] = [...prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", ...args];
  return succeeds(command!, rest, { timeout: APT_WITHIN_MS });
};

const installFromDebian = (servers: readonly LocalServer[]): void => {
  const prefix = asRoot();
  if (prefix === undefined || spawnSync("apt-get", ["--version"]).status !== 0) return;
  const packages = servers.map((server) => RECIPES[server].debianPackage);
  say(`Installing ${packages.join(", ")} with apt-get ...`);
  // An outdated list is often good enough, so a failed update is no reason not to try.
  aptGet(prefix, "update");
  // One by one: a distribution that lacks one of them still has the others.
  for (const name of packages) aptGet(prefix, "install", "--no-install-recommends", name);
};

/** The pull would otherwise happen inside a test's time limit. */
const pullImage = (server: LocalServer): void => {
  const found = findServer(server);
  if (found.by !== "docker") return;
  say(`${server} will be run by Docker: docker run --rm ${found.image}`);
  if (!succeeds("docker", ["pull", "-q", found.image], { timeout: PULL_WITHIN_MS }))
    say(`NOTICE: docker pull ${found.image} failed`);
};

const testFiles = (): string[] =>
  readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".test.ts"));

const suitesThatNeed = (server: Server): string[] =>
  testFiles().flatMap((file) => {
    const source = readFileSync(join(root, "test", file), "utf8");
    return [...source.matchAll(/describeWith\(\s*\[([^\]]*)\],\s*(["'`])(.*?)\2/g)]
      .filter(([, servers]) => servers?.includes(`"${server}"`))
      .map(([, , , name]) => `test/${file}: ${name}`);
  });

const notice = (server: Server, reason: string): string[] => {
  const suites = suitesThatNeed(server);
  return [
    `NOTICE: no ${server}: ${reason}.`,
    ...(suites.length > 0 ? ["  Suites that do not run without it:"] : []),
    ...suites.map((suite) => `    ${suite}`),
  ];
};

const report = (server: Server): string[] => {
  const found = findServer(server);
  if (found.by === "nothing") return notice(server, found.reason);
  if (found.by === "url") return [`${server}: as given by the environment`];
  return [`${server}: ${found.by === "binary" ? found.path : `Docker image ${found.image}`}`];
};

const needsInstalling = LOCAL_SERVERS.filter((server) => findServer(server).by !== "binary");
if (needsInstalling.length > 0) installFromDebian(needsInstalling);
for (const server of LOCAL_SERVERS) pullImage(server);
const servers: Server[] = [...LOCAL_SERVERS, ...(Object.keys(REMOTE_SERVERS) as (keyof typeof REMOTE_SERVERS)[])];
say("Servers for the tests:", ...servers.flatMap(report).map((line) => `  ${line}`));

import { findServer } from "./find.ts";
import { dockerLaunch, firstAnswer, type Launch, type RunningServer, startServer } from "./process.ts";

export interface RedisOptions {
  port?: number;
}

/** Every write is in the log before its answer is sent, so kill -9 of Redis (not of the machine) loses none. */
const DURABLE = ["--appendonly", "yes", "--save", ""];

const launch = (port: number, folder: string): Launch => {
  const found = findServer("redis");
  if (found.by === "docker")
    return dockerLaunch(found.image, { port, folder, innerPort: 6379, innerData: "/data", args: ["redis-server", ...DURABLE] });
  if (found.by !== "binary") throw new Error("There is no redis-server here; wrap the suite in describeWith");
  return { command: found.path, args: ["--bind", "127.0.0.1", "--port", String(port), "--dir", folder, ...DURABLE] };
};

/** While it loads its log, Redis answers -LOADING. */
const probe = async (port: number): Promise<boolean> =>
  (await firstAnswer(port, "PING\r\n"))?.toString().startsWith("+PONG") ?? false;

export const startRedis = ({ port }: RedisOptions = {}): Promise<RunningServer> =>
  startServer({ name: "redis", launch, probe, url: (onPort) => `redis://127.0.0.1:${onPort}`, port });

import { findServer } from "./find.ts";
import { dockerLaunch, firstAnswer, type Launch, type RunningServer, startServer } from "./process.ts";

export interface NatsOptions {
  jetstream?: boolean;
  /** Keeps the streams in this folder, which `stop()` then leaves alone. */
  dataDir?: string;
  port?: number;
  /** Further arguments, asked for at each start. */
  args?: () => readonly string[];
}

const launch = (jetstream: boolean, more: readonly string[], port: number, folder: string): Launch => {
  const found = findServer("nats");
  if (found.by === "docker") {
    const args = [...(jetstream ? ["-js", "-sd", "/data"] : []), ...more];
    return dockerLaunch(found.image, { port, folder, innerPort: 4222, innerData: "/data", args });
  }
  if (found.by !== "binary") throw new Error("There is no nats-server here; wrap the suite in describeWith");
  return {
    command: found.path,
    args: ["-a", "127.0.0.1", "-p", String(port), ...(jetstream ? ["-js", "-sd", folder] : []), ...more],
  };
};

/** A NATS server greets with its INFO line, with JetStream only after the streams have been recovered. */
const probe = async (port: number): Promise<boolean> => (await firstAnswer(port))?.toString().startsWith("INFO ") ?? false;

export const startNats = ({ jetstream = false, dataDir, port, args = () => [] }: NatsOptions = {}): Promise<RunningServer> =>
  startServer({
    name: "nats",
    launch: (onPort, folder) => launch(jetstream, args(), onPort, folder),
    probe,
    url: (onPort) => `nats://127.0.0.1:${onPort}`,
    port,
    folder: dataDir,
  });

/** `npm run repl`: joins the cluster (NATS_URL) with a prompt and without services. */

import { launch } from "../launch.ts";
import { readEnvironment } from "../lib/config.ts";

if (readEnvironment(process.env).embedded) {
  console.error("CONFIGURATION: NATS_URL: must be set to the cluster's NATS, such as nats://127.0.0.1:4222");
  process.exit(1);
}
const broker = await launch([], { env: { LOG_LEVEL: "warn", ...process.env, NODE_ID: `repl-${process.pid}` } });
broker.repl();

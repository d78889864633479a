/** `npm run repl`: joins the cluster (NATS_URL) with a prompt and without services. Beside the framework's commands it has
 *  `saga`, `sagas`, `dlq` and `refunds`. */

import { launch } from "../launch.ts";
import { readEnvironment } from "../lib/config.ts";
import { customCommands } from "./repl/custom-commands.ts";

if (readEnvironment(process.env).embedded) {
  console.error("CONFIGURATION: NATS_URL: must be set to the cluster's NATS, such as nats://127.0.0.1:4222");
  process.exit(1);
}
const broker = await launch([], { env: { LOG_LEVEL: "warn", ...process.env, NODE_ID: `repl-${process.pid}` } });
broker.options.replOptions = { customCommands: customCommands() } as never;
broker.repl();

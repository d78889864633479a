/** `npm run broker -- orders payments`: a broker of a cluster with these services. */

import { installedServices, launch } from "../launch.ts";
import { readEnvironment } from "../lib/config.ts";

const names = process.argv.slice(2);

if (names.length === 0) {
  console.error(
    `Which services? For example: npm run broker -- orders payments\nThere are ${(await installedServices()).join(", ")}`,
  );
  process.exit(1);
}
if (readEnvironment(process.env).embedded) {
  console.error(
    "CONFIGURATION: NATS_URL: must be set, as brokers find each other over NATS. One process with everything is `npm start`.",
  );
  process.exit(1);
}
await launch(names);

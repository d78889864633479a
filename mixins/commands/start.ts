/** `npm start`: the whole shop in one process, with everything embedded and the demo shop in it. */
import type { ServiceBroker } from "moleculer";
import { installedServices, launch } from "../launch.ts";
import { readEnvironment } from "../lib/config.ts";
import { readTlsFiles } from "../lib/tls-config.ts";

const startedAt = performance.now();

const seedDemo = async (broker: ServiceBroker) => {
  const { logins } = (await broker.call("v1.users.seedDemo", {})) as {
    logins: { role: string; email: string; password: string }[];
  };
  const { stock } = (await broker.call("v1.products.seedDemo", {}, { timeout: 30_000 })) as { stock: object[] };
  await broker.call("v1.inventory.seedDemo", { items: stock }, { timeout: 30_000 });
  return logins;
};

const read = readEnvironment(process.env);
if (!read.embedded) {
  console.error("CONFIGURATION: NATS_URL: `npm start` is the shop in one process. For a cluster: npm run broker -- <services>");
  process.exit(1);
}

const broker = await launch(await installedServices());
const logins = await seedDemo(broker);

const apiPort = read.integer("API_PORT", 3000);
const paymentsPort = read.integer("PAYMENTS_PORT", 3001);
const scheme = (service: string): string => (readTlsFiles(read, service) === undefined ? "http" : "https");
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
const width = Math.max(...logins.map(({ email }) => email.length));
console.log(`Molecart is ready (${seconds} s)

  Shop       ${scheme("API")}://${read.host}:${apiPort}/api/v1
  Payments   ${scheme("PAYMENTS")}://${read.host}:${paymentsPort}
  Health     ${scheme("API")}://${read.host}:${apiPort}/health/ready
  Data       ${read.dataDir}

  Demo logins
${logins.map(({ role, email, password }) => `    ${role.padEnd(10)} ${email.padEnd(width)}  ${password}`).join("\n")}

Ctrl-C stops it. See it work: npm run demo`);

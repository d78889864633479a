/** `npm run verify`: checks the shop's invariants over all the services' stores. Exit status 1 if one is broken, 2 if a store
 *  cannot be read or a setting is wrong. */
import { parseArgs } from "node:util";
import { MolecartError, messageOf } from "../lib/errors.ts";
import { DEFAULT_SETTLE_MS, type VerifyReport, verifyShop } from "../verify/index.ts";
import { textOf } from "../verify/print.ts";

const BROKEN = 1;
const UNREADABLE = 2;

const HELP = `npm run verify -- [--settle 10] [--json]

Reads the stores that the environment names (DATA_DIR, ORDERS_DATABASE_URL, NATS_URL ...), as the services do. The shop may
be running or stopped. --settle: seconds to wait for events that are in flight. --json: the report for machines.`;

const fail = (error: unknown): never => {
  console.error(error instanceof MolecartError ? `${error.type}: ${messageOf(error)}` : error);
  process.exit(UNREADABLE);
};

const readArguments = () => {
  try {
    const { values } = parseArgs({
      options: {
        settle: { type: "string", default: String(DEFAULT_SETTLE_MS / 1000) },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    const settleSeconds = Number(values.settle);
    if (!(settleSeconds >= 0)) throw new Error(`--settle: "${values.settle}" is not a number of seconds`);
    return { ...values, settleMs: settleSeconds * 1000 };
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${HELP}`);
    return process.exit(UNREADABLE);
  }
};

const { json, help, settleMs } = readArguments();
if (help) {
  console.log(HELP);
  process.exit(0);
}
const report: VerifyReport = await verifyShop(process.env, { settleMs }).catch(fail);
console.log(json ? JSON.stringify(report, null, 2) : textOf(report));
process.exitCode = report.ok ? 0 : BROKEN;

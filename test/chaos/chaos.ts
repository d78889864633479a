/** `npm run chaos`: customers and a seeded nemesis against a real shop, then calm, then the books. Exit status 1 when anything
 *  was lost or doubled. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { tableOf } from "./report.ts";
import { type ChaosOptions, runChaos } from "./run.ts";

const { values } = parseArgs({
  options: {
    world: { type: "string", default: "served" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e6)) },
    orders: { type: "string", default: "300" },
    minutes: { type: "string", default: "2" },
    rate: { type: "string", default: "15" },
    kinds: { type: "string" },
    keep: { type: "boolean", default: false },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(`npm run chaos -- [--world served|embedded] [--seed text] [--orders 300] [--minutes 2] [--rate 15 (faults per minute)]
                 [--kinds "kill broker,kill server"] [--keep (logs and data also of a good run)] [--json file]`);
  process.exit(0);
}

const number = (name: "orders" | "minutes" | "rate"): number => {
  const value = Number(values[name]);
  if (!(value > 0)) {
    console.error(`--${name} ${values[name]}: not a number above 0`);
    process.exit(2);
  }
  return value;
};
const worldOf = (name: string): ChaosOptions["world"] => {
  if (name === "served" || name === "embedded") return name;
  console.error(`--world ${name}: there are served and embedded`);
  process.exit(2);
};

// Ends the shop's processes too.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

const report = await runChaos({
  world: worldOf(values.world),
  seed: values.seed,
  orders: Math.round(number("orders")),
  minutes: number("minutes"),
  rate: number("rate"),
  kinds: values.kinds?.split(","),
  keep: values.keep,
  say: (line) => console.log(line),
});
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
console.log(`\n${tableOf(report)}`);
process.exit(report.ok ? 0 : 1);

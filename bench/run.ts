import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";

/** `npm run bench -- <name> [its arguments]`: one benchmark in a process of its own. */
const ENDING = ".bench.ts";
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(ENDING))
  .map((file) => file.slice(0, -ENDING.length));

const [name = "", ...rest] = process.argv.slice(2);
if (!names.includes(name)) {
  console.error(`npm run bench -- <name>. There are: ${names.join(", ")}`);
  process.exit(1);
}
const { status } = spawnSync(process.execPath, [`${import.meta.dirname}/${name}${ENDING}`, ...rest], { stdio: "inherit" });
process.exit(status ?? 1);

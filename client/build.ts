/** Packs the client as JavaScript with types, for projects that do not run TypeScript: `npm run pack -w client` leaves
 *  `molecart-client-<version>.tgz` in the folder that it is called from. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "./package.json" with { type: "json" };

const run = (command: string, args: readonly string[], cwd: string): string => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
};

/** Writes the package into a folder. */
export const buildClient = (folder: string): void => {
  const root = join(import.meta.dirname, "..");
  const options = [
    "--noEmit",
    "false",
    "--declaration",
    "--rewriteRelativeImportExtensions",
    "--allowImportingTsExtensions",
    "false",
  ];
  const target = ["--target", "es2023", "--lib", "es2024,dom,dom.iterable,dom.asynciterable", "--types", "", "--skipLibCheck"];
  const modules = ["--module", "nodenext", "--strict", "--ignoreConfig", "--rootDir", import.meta.dirname, "--outDir", folder];
  run(
    process.execPath,
    [
      join(root, "node_modules", "typescript", "bin", "tsc"),
      ...options,
      ...target,
      ...modules,
      join(import.meta.dirname, "index.ts"),
    ],
    root,
  );
  const { name, version, description, license, type } = manifest;
  const exports = { ".": { types: "./index.d.ts", default: "./index.js" } };
  writeFileSync(
    join(folder, "package.json"),
    `${JSON.stringify({ name, version, description, license, type, exports }, null, 2)}\n`,
  );
  copyFileSync(join(import.meta.dirname, "README.md"), join(folder, "README.md"));
};

if (import.meta.main) {
  const folder = mkdtempSync(join(tmpdir(), "molecart-client-"));
  try {
    buildClient(folder);
    console.log(run("npm", ["pack", folder], process.env.INIT_CWD ?? process.cwd()).trim());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
const servicesFolder = join(root, "services");

const services = readdirSync(servicesFolder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => !file.includes("node_modules"));

describe.each(services)("services/%s", (name) => {
  const folder = join(servicesFolder, name);

  it.each(["package.json", "README.md", "CHANGELOG.md"])("has a %s that says something", (file) => {
    expect(existsSync(join(folder, file)) && readFileSync(join(folder, file), "utf8").trim()).toBeTruthy();
  });

  it("is the workspace @molecart/<its folder>, with a version of its own", () => {
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    expect(manifest).toMatchObject({
      name: `@molecart/${name}`,
      type: "module",
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  // The loader takes every *.service.ts for a service of its own.
  it("has exactly one service schema, named like the folder", () => {
    expect(filesIn(folder).filter((file) => file.endsWith(".service.ts"))).toEqual([`${name}.service.ts`]);
  });
});

describe("the repository", () => {
  it("has services", () => {
    expect(services).toContain("orders");
  });

  it("has no service schema in mixins", () => {
    expect(filesIn(join(root, "mixins")).filter((file) => file.endsWith(".service.ts"))).toEqual([]);
  });

  it("has no folder of tests that Jest does not run, and no test outside of one", () => {
    const tests = filesIn(join(root, "test")).filter((file) => file.endsWith(".test.ts"));
    expect(tests.filter((file) => !file.includes("/") || file.startsWith("support"))).toEqual([]);
    expect(
      ["services", "mixins", "client"]
        .flatMap((folder) => filesIn(join(root, folder)))
        .filter((file) => file.endsWith(".test.ts")),
    ).toEqual([]);
  });
});

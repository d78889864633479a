const { readFileSync } = require("node:fs");
const { join } = require("node:path");

/** swc's visitor does not know `using` and stops the whole check at it. The declarations in it are ordinary ones. */
const { Visitor } = require("@swc/core/Visitor.js");
const { visitStatement } = Visitor.prototype;
Visitor.prototype.visitStatement = function (statement) {
  if (statement.type !== "UsingDeclaration") return visitStatement.call(this, statement);
  this.visitVariableDeclarators(statement.decls);
  return statement;
};

const dependenciesOf = (folder) =>
  Object.keys(JSON.parse(readFileSync(join(__dirname, folder, "package.json"), "utf8")).dependencies ?? {});

const packages = (...names) => `(^|/)node_modules/(@types/)?(${names.join("|")})/`;
const anyPackage = "(^|/)node_modules/";

const production = "^(services|mixins)/|^moleculer[.]config[.]ts$";
/** `order.ts` of a service, but not `order.repository.ts` or a file of a subfolder. */
const domain = "^services/[^/]+/[^/.]+[.]ts$";

/** Node's modules that only compute. All others reach the outside. */
const pureNode = "^(assert|async_hooks|buffer|crypto|events|path|string_decoder|timers|url|util)(/|$)";
const framework = packages("moleculer[^/]*");
const clients = packages("kysely", "ioredis", "pg", "nats", "mongodb", "nedb", "nodemailer", "@elastic/[^/]+", "stripe");

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "service-imports-service",
      comment: "A service talks to another one by calls and events only, so that each is deployed alone.",
      severity: "error",
      from: { path: "^services/([^/]+)/" },
      to: { path: "^services/", pathNot: "^services/$1/" },
    },
    {
      name: "service-imports-beyond-mixins",
      comment: "Of ours, a service's image holds the service and mixins.",
      severity: "error",
      from: { path: "^services/" },
      to: { pathNot: ["^services/", "^mixins/", anyPackage], dependencyTypesNot: ["core"] },
    },
    {
      name: "service-imports-mixins-by-path",
      comment: "Mixins is a package: @molecart/mixins/...",
      severity: "error",
      from: { path: "^services/" },
      to: { path: "^mixins/", dependencyTypesNot: ["aliased-workspace"] },
    },
    {
      name: "mixins-import-beyond-mixins",
      comment: "What services share knows no service.",
      severity: "error",
      from: { path: "^mixins/" },
      to: { pathNot: ["^mixins/", anyPackage], dependencyTypesNot: ["core"] },
    },
    {
      name: "client-imports-ours",
      comment: "The client is for others, who have nothing else of ours. What makes it reads the documents.",
      severity: "error",
      from: { path: "^client/", pathNot: "^client/generate[.]ts$" },
      to: { pathNot: ["^client/", anyPackage], dependencyTypesNot: ["core"] },
    },
    {
      name: "contracts-import-ours",
      comment: "The map of the mesh stands alone.",
      severity: "error",
      from: { path: "^mixins/contracts/" },
      to: { pathNot: ["^mixins/contracts/", anyPackage], dependencyTypesNot: ["core"] },
    },
    {
      name: "lib-imports-ours",
      severity: "error",
      from: { path: "^mixins/lib/" },
      to: { pathNot: ["^mixins/lib/", anyPackage], dependencyTypesNot: ["core"] },
    },
    {
      name: "lib-uses-framework-or-io",
      severity: "error",
      from: { path: "^mixins/lib/" },
      to: { path: [framework, clients] },
    },
    {
      name: "lib-uses-node-io",
      severity: "error",
      from: { path: "^mixins/lib/" },
      to: { dependencyTypes: ["core"], pathNot: pureNode },
    },
    {
      name: "domain-uses-framework-or-io",
      comment: "A domain file decides; others read, write and call.",
      severity: "error",
      from: { path: domain },
      to: { path: [framework, clients] },
    },
    {
      name: "domain-uses-node-io",
      severity: "error",
      from: { path: domain },
      to: { dependencyTypes: ["core"], pathNot: pureNode },
    },
    {
      name: "domain-imports-impure-neighbour",
      comment:
        "No I/O by the back door: of its own service a domain file imports no schema and no query, of mixins only contracts and lib.",
      severity: "error",
      from: { path: domain },
      to: { path: ["^services/[^/]+/[^/]+[.](service|repository)[.]ts$", "^mixins/(?!contracts/|lib/)"] },
    },
    {
      name: "imports-test",
      severity: "error",
      from: { pathNot: "^test/" },
      to: { path: "^test/" },
    },
    {
      name: "circular",
      comment: "Types may refer to each other; at run time a cycle shows one module half made.",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "production-imports-dev-dependency",
      comment: "It is not there after npm ci --omit=dev. A type alone is stripped.",
      severity: "error",
      from: { path: production },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "production-imports-undeclared",
      comment:
        "Declared neither by its own package.json nor by that of mixins: there only as long as somebody else happens to need it.",
      severity: "error",
      from: { path: production },
      to: {
        dependencyTypes: ["npm-no-pkg", "npm-unknown"],
        dependencyTypesNot: ["type-only"],
        pathNot: packages(...dependenciesOf("mixins")),
      },
    },
    {
      name: "unresolvable",
      severity: "error",
      from: { path: production },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // TypeScript 7 is a native program without the interface that the other parser for .ts needs.
    parser: "swc",
    combinedDependencies: true,
    doNotFollow: { path: anyPackage },
    exclude: { path: "^(coverage|data|docs|[.][^/.][^/]*)/" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["node", "import", "types", "default"] },
  },
};

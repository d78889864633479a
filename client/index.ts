export { MolecartClient, type MolecartOptions, type RequestOptions, type Tokens } from "./client.ts";
export { type InvalidField, isProblem, ShopProblem, ShopUnreachable } from "./problem.ts";
export type { ServerEvent } from "./server-events.ts";
export * from "./shop-api.ts";

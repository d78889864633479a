import type { GatewayRequest, GatewayResponse } from "./api.exchange.ts";
import { serve } from "./api.exchange.ts";
import type { Route } from "./route.ts";

const BODY_LIMIT_BYTES = 100 * 1024;

const refusePrototypes = (key: string, value: unknown): unknown => {
  if (key === "__proto__") throw new SyntaxError("a body must not reach for prototypes");
  return value;
};

type Alias = (req: GatewayRequest, res: GatewayResponse, next: (error: unknown) => void) => void;

const aliases = (routes: readonly Route[]): Record<string, Alias> =>
  Object.fromEntries(
    routes.map((route) => [
      `${route.method} ${route.path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
      (req, res, next) => {
        serve(route, req, res).catch(next);
      },
    ]),
  );

/** The table as moleculer-web's routes: reads do without a body parser. No alias is named after an action, and nothing is
 *  generated from the registry: what is not in the table cannot be reached. */
export const webRoutes = (routes: readonly Route[]) => {
  const common = { path: "/", mappingPolicy: "restrict", mergeParams: false, pathToRegexpOptions: { sensitive: true } };
  const isRead = ({ method }: Route): boolean => method === "GET";
  return [
    { ...common, name: "reads", bodyParsers: false, aliases: aliases(routes.filter(isRead)) },
    {
      ...common,
      name: "writes",
      // Compressed bodies are refused: a few bytes could become any number of them.
      bodyParsers: { json: { limit: BODY_LIMIT_BYTES, inflate: false, reviver: refusePrototypes } },
      aliases: aliases(routes.filter((route) => !isRead(route) && route.transfer === undefined)),
    },
    // Read piece by piece by the route itself.
    {
      ...common,
      name: "uploads",
      bodyParsers: false,
      aliases: aliases(routes.filter((route) => !isRead(route) && route.transfer)),
    },
  ];
};

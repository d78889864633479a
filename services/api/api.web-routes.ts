import type { GatewayRequest, GatewayResponse } from "./api.exchange.ts";
import { serve } from "./api.serve.ts";
import { bodyLimitBytes } from "./limit-class.ts";
import type { Route } from "./route.ts";

const refusePrototypes = (key: string, value: unknown): unknown => {
  if (key === "__proto__") throw new SyntaxError("a body must not reach for prototypes");
  return value;
};

type Alias = (req: GatewayRequest, res: GatewayResponse, next: (error: unknown) => void) => void;

/** As moleculer-web names it. */
export const aliasOf = ({ method, path }: Route): string => `${method} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`;

const aliases = (routes: readonly Route[]): Record<string, Alias> =>
  Object.fromEntries(
    routes.map((route) => [
      aliasOf(route),
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
  const writes = Map.groupBy(
    routes.filter((route) => !isRead(route) && route.transfer === undefined),
    ({ limit }) => bodyLimitBytes(limit),
  );
  return [
    { ...common, name: "reads", bodyParsers: false, aliases: aliases(routes.filter(isRead)) },
    ...[...writes].map(([limit, some]) => ({
      ...common,
      name: `writes of ${limit} bytes`,
      // Compressed bodies are refused: a few bytes could become any number of them.
      bodyParsers: { json: { limit, inflate: false, reviver: refusePrototypes } },
      aliases: aliases(some),
    })),
    // Read piece by piece by the route itself.
    {
      ...common,
      name: "uploads",
      bodyParsers: false,
      aliases: aliases(routes.filter((route) => !isRead(route) && route.transfer !== undefined)),
    },
  ];
};

import { newId } from "@molecart/mixins/lib/ids.ts";
import { findServer } from "./servers/find.ts";

/** The settings that give a service an empty MongoDB database of its own. */
export const mongoSettings = (service: string): Record<string, string> => {
  const found = findServer("mongo");
  if (found.by !== "url") throw new Error("This suite needs a MongoDB");
  const [, server, query = ""] = /^([^:]+:\/\/[^/?]+)(?:\/[^?]*)?(\?.*)?$/.exec(found.url) as unknown as [
    string,
    string,
    string?,
  ];
  return { [`${service.toUpperCase()}_MONGO_URL`]: `${server}/test-${newId()}${query}` };
};

/** Both stores, with the servers that each needs: one suite, run on each. */
export const documentStores = [
  { store: "NeDB", servers: [], settings: (_service: string): Record<string, string> => ({}) },
  { store: "MongoDB", servers: ["mongo"], settings: mongoSettings },
] as const;

import { pascal } from "@molecart/mixins/openapi/schema-book.ts";
import { API_PREFIX, type Route } from "../route.ts";

/** Under which heading an operation stands: the first prefix of its path. */
const tags: readonly (readonly [prefix: string, tag: string])[] = [
  ["/auth", "Sign-in"],
  ["/.well-known", "Sign-in"],
  ["/me", "Account"],
  ["/products", "Catalogue"],
  ["/categories", "Catalogue"],
  ["/brands", "Catalogue"],
  ["/inventory", "Stock"],
  ["/cart", "Cart"],
  ["/orders", "Orders"],
  ["/admin/products", "Catalogue"],
  ["/admin/search-index", "Operations"],
  ["/admin/sagas", "Operations"],
  ["/admin/dead-letters", "Operations"],
  ["/admin/users", "Users and keys"],
  ["/admin/signing-keys", "Users and keys"],
  ["/admin", "Back office"],
  ["/health", "Gateway"],
  ["/openapi.json", "Gateway"],
  ["/asyncapi.json", "Gateway"],
  ["/docs", "Gateway"],
];

export const tagDescriptions: Readonly<Record<string, string>> = {
  "Sign-in": "Accounts, tokens, forgotten passwords",
  Account: "What belongs to the caller: profile, addresses, messages, password, API keys",
  Catalogue: "Products, categories, search, imports and exports",
  Stock: "What is on hand and reserved, for staff",
  Cart: "Of guests and of customers",
  Orders: "From the order to its parcel, and back",
  "Back office": "Orders, refunds, returns and parcels, for staff",
  "Users and keys": "Who may do what, and the keys that tokens are signed with, for administrators",
  Operations: "Sagas, dead letters and the search index, for staff",
  Gateway: "Health and documents",
};

/** A path of its own kind is named by its first step. */
export const tagOf = ({ path }: Pick<Route, "path">): string => {
  const short = path.replace(API_PREFIX, "");
  const known = tags.find(([prefix]) => short === prefix || short.startsWith(`${prefix}/`));
  return known?.[1] ?? pascal([short.split("/")[1] as string]);
};

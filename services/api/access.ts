import { isStaff as hasStaffRole } from "@molecart/mixins/lib/ownership.ts";
import { Forbidden, Unauthenticated } from "./api.errors.ts";
import type { Access, Caller, Route } from "./route.ts";

export const isStaff = (caller: Caller | undefined): boolean => caller !== undefined && hasStaffRole(caller);

/** Throws unless the caller may use a route of this access. */
export const admit = (access: Access, caller: Caller | undefined): void => {
  switch (access) {
    case "public":
    case "guest-or-customer":
      return;
    case "customer":
      if (caller === undefined) throw unknown();
      return;
    case "staff":
      if (caller === undefined) throw unknown();
      if (!isStaff(caller)) throw new Forbidden("This is for the shop's staff");
      return;
    case "admin":
      if (caller === undefined) throw unknown();
      if (!caller.roles.includes("admin")) throw new Forbidden("This is for the shop's administrators");
      return;
    default:
      access satisfies never;
  }
};

const unknown = (): Unauthenticated =>
  new Unauthenticated("Send an access token as Authorization: Bearer <token>, or an API key as X-API-Key");

/** Throws unless an API key may be used here; whoever calls without one passes. The roles are looked at besides: a key never gets
 *  more than its owner. */
export const admitKey = ({ scope }: Pick<Route, "scope">, caller: Caller | undefined): void => {
  if (caller?.scopes === undefined) return;
  if (scope === undefined) throw new Forbidden("API keys cannot be used here; sign in");
  if (!caller.scopes.includes(scope)) throw new Forbidden(`The API key does not have the scope ${scope}`);
};

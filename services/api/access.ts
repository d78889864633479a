import type { Viewer } from "@molecart/mixins/contracts/common.ts";
import { Forbidden, Unauthenticated } from "./api.errors.ts";
import type { Access, Caller } from "./route.ts";

export const isStaff = (caller: Caller | undefined): boolean =>
  caller?.roles.some((role) => role === "staff" || role === "admin") ?? false;

export const viewerOf = ({ userId, roles }: Caller): Viewer => ({ userId, roles });

/** Throws unless the caller may use a route of this access. */
export const admit = (access: Access, caller: Caller | undefined): void => {
  switch (access) {
    case "public":
    case "guest-or-customer":
      return;
    case "customer":
      if (caller === undefined) throw new Unauthenticated("Send the access token as Authorization: Bearer <token>");
      return;
    case "staff":
      if (caller === undefined) throw new Unauthenticated("Send the access token as Authorization: Bearer <token>");
      if (!isStaff(caller)) throw new Forbidden();
      return;
    default:
      access satisfies never;
  }
};

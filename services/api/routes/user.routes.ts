import { Exactly } from "@molecart/mixins/contracts/common.ts";
import { users } from "@molecart/mixins/contracts/users.ts";
import { actionRoute } from "../route.ts";

const { list, setRoles, disable, enable, audit, rotateSigningKeys } = users.actions;
const { limit, cursor, email, role, disabled } = list.params.properties;

/** For administrators alone, and closed to API keys: who may do what is decided by people who have signed in. */
export const userRoutes = [
  actionRoute({
    name: "listUsers",
    method: "GET",
    path: "/admin/users",
    access: "admin",
    status: 200,
    summary: "Users, newest first; by the beginning of their e-mail address, by role, or the disabled ones",
    query: Exactly({ email, role, disabled, limit, cursor }),
    action: "v1.users.list",
    params: ({ query }) => query,
  }),
  actionRoute({
    name: "getUser",
    method: "GET",
    path: "/admin/users/{id}",
    access: "admin",
    status: 200,
    summary: "A user",
    action: "v1.users.getManaged",
    params: ({ path }) => ({ userId: path.id }),
  }),
  actionRoute({
    name: "setUserRoles",
    method: "PUT",
    path: "/admin/users/{id}/roles",
    access: "admin",
    status: 200,
    summary: "Sets a user's roles; access tokens with the old ones end",
    body: Exactly({ roles: setRoles.params.properties.roles, reason: setRoles.params.properties.reason }),
    action: "v1.users.setRoles",
    params: ({ path, caller, body }) => ({ userId: path.id, actor: caller.userId, ...body }),
  }),
  actionRoute({
    name: "disableUser",
    method: "POST",
    path: "/admin/users/{id}/disable",
    access: "admin",
    status: 200,
    summary: "Ends a user's sessions and lets nobody sign in to the account",
    body: Exactly({ reason: disable.params.properties.reason }),
    action: "v1.users.disable",
    params: ({ path, caller, body }) => ({ userId: path.id, actor: caller.userId, reason: body.reason }),
  }),
  actionRoute({
    name: "enableUser",
    method: "POST",
    path: "/admin/users/{id}/enable",
    access: "admin",
    status: 200,
    summary: "Opens a disabled account again",
    body: Exactly({ reason: enable.params.properties.reason }),
    action: "v1.users.enable",
    params: ({ path, caller, body }) => ({ userId: path.id, actor: caller.userId, ...body }),
  }),
  actionRoute({
    name: "getUserAudit",
    method: "GET",
    path: "/admin/users/{id}/audit",
    access: "admin",
    status: 200,
    summary: "What administrators have done to a user, newest first",
    query: Exactly({ limit: audit.params.properties.limit, cursor: audit.params.properties.cursor }),
    action: "v1.users.audit",
    params: ({ path, query }) => ({ userId: path.id, ...query }),
  }),
  actionRoute({
    name: "rotateSigningKeys",
    method: "POST",
    path: "/admin/signing-keys/rotate",
    access: "admin",
    status: 200,
    summary: "Publishes a new signing key; where the present ones are compromised, everything that they have signed ends",
    body: Exactly({ compromised: rotateSigningKeys.params.properties.compromised }),
    action: "v1.users.rotateSigningKeys",
    params: ({ caller, body }) => ({ actor: caller.userId, ...body }),
  }),
];

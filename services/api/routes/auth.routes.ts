import { users } from "@molecart/mixins/contracts/users.ts";
import { actionRoute } from "../route.ts";

const { register, login, refresh, logout } = users.actions;

export const authRoutes = [
  actionRoute({
    method: "POST",
    path: "/auth/register",
    access: "public",
    status: 201,
    summary: "Opens an account and signs in",
    limit: "credentials",
    body: register.params,
    action: "v1.users.register",
    params: ({ body }) => body,
  }),
  actionRoute({
    method: "POST",
    path: "/auth/login",
    access: "public",
    status: 200,
    summary: "Signs in",
    limit: "credentials",
    body: login.params,
    action: "v1.users.login",
    params: ({ body }) => body,
  }),
  actionRoute({
    method: "POST",
    path: "/auth/refresh",
    access: "public",
    status: 200,
    summary: "Changes a refresh token for new tokens",
    limit: "credentials",
    body: refresh.params,
    action: "v1.users.refresh",
    params: ({ body }) => body,
  }),
  actionRoute({
    method: "POST",
    path: "/auth/logout",
    access: "public",
    status: 204,
    summary: "Ends the session of a refresh token",
    limit: "credentials",
    body: logout.params,
    action: "v1.users.logout",
    params: ({ body }) => body,
  }),
  actionRoute({
    method: "GET",
    path: "/.well-known/jwks.json",
    root: true,
    access: "public",
    status: 200,
    summary: "The public keys that access tokens are signed with",
    limit: "none",
    action: "v1.users.jwks",
    params: () => ({}),
  }),
];

import { randomBytes } from "node:crypto";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { eventually } from "../eventually.ts";
import { ADDRESS, ADMIN, type GuardedShop, type Headers, type Person, send, UNREFUNDABLE_CARD } from "./guarded-shop.ts";

const CARDS = [
  "4242424242424242",
  "4000000000000002",
  "4000000000009995",
  "4000000000000119",
  "4000000000000341",
  UNREFUNDABLE_CARD,
];
const spaced = (number: string, by: string) => number.replace(/(\d{4})(?=\d)/g, `$1${by}`);

/** Kind of a secret -> its values. */
export type Secrets = Map<string, Set<string>>;

/** Everything that customers and partners do with secrets, when it succeeds and when it does not, and each secret that was used.
 *  `readMail` gives the text of all e-mail so far. */
export const secretTraffic = async (shop: GuardedShop, readMail: () => Promise<string>): Promise<Secrets> => {
  const secrets: Secrets = new Map();
  const note = (kind: string, ...values: string[]) => {
    const known = secrets.get(kind) ?? new Set();
    for (const value of values) known.add(value);
    secrets.set(kind, known);
    return values[0] as string;
  };
  const password = () => note("password", `Secret sentence ${randomBytes(8).toString("hex")}`);
  const noteTokens = ({ accessToken, refreshToken }: Pick<Person, "accessToken" | "refreshToken">) => {
    note("access token", accessToken, ...(accessToken.split(".").slice(2) as string[]));
    note("refresh token", refreshToken);
  };
  const api = (method: string, path: string, { headers, body, raw }: { headers?: Headers; body?: unknown; raw?: string } = {}) =>
    send(shop.api, { method, path: `/api/v1${path}`, ...(headers && { headers }), body, ...(raw !== undefined && { raw }) });

  note("password", ADMIN.password);
  for (const person of [shop.admin, shop.staff, shop.owner, shop.other]) noteTokens(person);
  for (const card of CARDS) note("card number", card, spaced(card, " "), spaced(card, "-"));

  // An account, through all that can become of its secrets.
  const account = { email: `ada.${newId().slice(-12)}@example.com`, password: password(), name: "Ada" };
  noteTokens((await api("POST", "/auth/register", { body: account })).body);
  await api("POST", "/auth/register", { body: account });
  const signedIn = (await api("POST", "/auth/login", { body: { email: account.email, password: account.password } })).body;
  noteTokens(signedIn);
  const renewed = (await api("POST", "/auth/refresh", { body: { refreshToken: signedIn.refreshToken } })).body;
  noteTokens(renewed);
  const headers = { authorization: `Bearer ${renewed.accessToken}` };

  // What is wrong about a request is told, and not what it held.
  for (const body of [
    { email: account.email, password: password() },
    { email: "nobody@example.com", password: password() },
    { email: password(), password: password() },
    { email: account.email, password: password(), [password()]: password() },
    { email: account.email, password: [password()] },
    { email: account.email, password: { text: password() } },
  ])
    await api("POST", "/auth/login", { body });
  await api("POST", "/auth/login", { raw: `{"email":"a@example.com","password":"${password()}"` });
  await api("POST", "/auth/login", { raw: `{"password":"${password()}","__proto__":{}}` });
  await api("POST", "/auth/login", { body: { password: password(), filler: "x".repeat(20_000) } });
  await api("POST", "/auth/login", { raw: `password=${password()}`, headers: { "content-type": "text/plain" } });
  await api("PATCH", "/me", { headers, body: { name: "Ada", password: password() } });
  await api("PUT", "/me/password", { headers, body: { currentPassword: password(), newPassword: password() } });
  const changed = password();
  await api("PUT", "/me/password", { headers, body: { currentPassword: account.password, newPassword: changed } });
  await api("GET", `/me?access_token=${renewed.accessToken}`);
  await api("GET", `/orders/${renewed.refreshToken}?password=${encodeURIComponent(changed)}`, { headers });
  await api("GET", `/nowhere/${renewed.refreshToken}`, { headers });
  await api("GET", "/me", {
    headers: { authorization: `Basic ${note("basic credentials", Buffer.from(`a:${password()}`).toString("base64"))}` },
  });
  await api("GET", "/me", { headers: { cookie: `session=${note("cookie", randomBytes(24).toString("hex"))}` } });
  await api("GET", "/me", { headers: { authorization: `Bearer ${renewed.accessToken.slice(0, -3)}AAA` } });
  await api("POST", "/auth/refresh", { body: { refreshToken: signedIn.refreshToken } });
  await api("POST", "/auth/logout", { body: { refreshToken: renewed.refreshToken } });

  // A forgotten password.
  await api("POST", "/auth/password/forgot", { body: { email: account.email } });
  const resetToken = await eventually(
    async () => {
      const found = [...(await readMail()).matchAll(/token=3?D?([A-Za-z0-9_%=-]{20,})/g)].at(-1)?.[1];
      if (found === undefined) throw new Error("No mail with a token yet");
      return found;
    },
    { withinMs: 30_000, everyMs: 100 },
  );
  note("reset token", resetToken);
  await api("POST", "/auth/password/reset", { body: { token: randomBytes(32).toString("base64url"), password: password() } });
  const reset = password();
  await api("POST", "/auth/password/reset", { body: { token: resetToken, password: reset } });
  await api("POST", "/auth/password/reset", { body: { token: resetToken, password: password() } });
  const again = (await api("POST", "/auth/login", { body: { email: account.email, password: reset } })).body;
  noteTokens(again);
  const own = { authorization: `Bearer ${again.accessToken}` };

  // API keys.
  const { id, key } = (await api("POST", "/me/api-keys", { headers: own, body: { name: "a partner", scopes: ["orders:read"] } }))
    .body;
  note("API key", key);
  await api("GET", "/orders", { headers: { "x-api-key": key } });
  await api("GET", "/me", { headers: { "x-api-key": key } });
  await api("GET", `/orders?api_key=${key}`);
  await api("GET", "/orders", { headers: { "x-api-key": note("API key", `${key.slice(0, -1)}x`) } });
  await api("DELETE", `/me/api-keys/${id}`, { headers: own });
  await api("GET", "/orders", { headers: { "x-api-key": key } });

  // Cards, where they belong and where they do not, and orders of each.
  const listener = (path: string, sent: { body?: unknown; raw?: string; headers?: Headers }) =>
    send(shop.payments, { method: "POST", path, ...sent });
  const card = (number: string) => ({ number, expMonth: 12, expYear: 2030, cvc: "917" });
  const orders: string[] = [];
  for (const number of CARDS) {
    const { token } = (await listener("/tokens", { body: card(spaced(number, " ")), headers: { "x-request-id": number } })).body;
    note("payment token", token);
    await api("PUT", `/cart/items/${shop.sku}`, { headers: own, body: { quantity: 1 } });
    const placed = await api("POST", "/orders", {
      headers: { ...own, "idempotency-key": newId(), "x-request-id": number },
      body: { paymentToken: token, shippingAddress: ADDRESS },
    });
    orders.push(placed.body.order.id);
  }
  for (const body of [
    card("4242424242424241"),
    { ...card(CARDS[0] as string), cvc: "91" },
    { card: card(CARDS[0] as string) },
    [card(CARDS[1] as string)],
  ])
    await listener("/tokens", { body });
  await listener("/tokens", { raw: JSON.stringify(card(CARDS[0] as string)).slice(0, -1) });
  await listener("/tokens", { raw: JSON.stringify({ ...card(CARDS[0] as string), filler: "x".repeat(11_000) }) });
  await listener(`/tokens/${CARDS[0]}?number=${CARDS[0]}`, { body: card(CARDS[0] as string) });
  await listener("/webhooks/sandbox", {
    raw: `{"card":"${CARDS[0]}"}`,
    headers: { "x-sandbox-signature": `t=1,v1=${note("signature", randomBytes(32).toString("hex"))}` },
  });
  for (const body of [{ paymentToken: CARDS[0], card: card(CARDS[0] as string) }, { number: CARDS[0] }])
    await api("POST", "/orders", { headers: { ...own, "idempotency-key": newId() }, body });
  await api("GET", `/products?q=${CARDS[0]}`);
  await api("GET", `/nowhere?card=${CARDS[0]}`);

  const settled = ["confirmed", "cancelled"];
  for (const order of orders)
    await eventually(
      async () => {
        const { status } = (await api("GET", `/orders/${order}`, { headers: own })).body;
        if (!settled.includes(status)) throw new Error(`${order} is ${status}`);
      },
      { withinMs: 45_000, everyMs: 100, describe: "the orders to be settled" },
    );
  const refused = orders.at(-1) as string;
  await api("POST", `/orders/${refused}/cancel`, { headers: own, body: { reason: "a test" } });
  await eventually(
    async () => {
      const { items } = (await api("GET", "/admin/refunds", { headers: shop.staff.headers })).body;
      if (!items.some((one: { orderId: string }) => one.orderId === refused)) throw new Error("not refused yet");
    },
    { withinMs: 30_000, everyMs: 100 },
  );
  for (const path of ["/me/notifications", "/me/overview", "/me/api-keys"]) await api("GET", path, { headers: own });
  for (const path of [`/admin/sagas/${refused}`, "/admin/dead-letters", "/admin/payments/findings"])
    await api("GET", path, { headers: shop.staff.headers });
  return secrets;
};

/** What of the secrets a text holds, also written as in an address or in Base64: their kinds. */
export const secretsIn = (text: string, secrets: Secrets): string[] =>
  [...secrets]
    .filter(([, values]) => [...values].some((value) => writings(value).some((one) => text.includes(one))))
    .map(([kind]) => kind);

const writings = (value: string): string[] => [
  value,
  encodeURIComponent(value),
  JSON.stringify(value).slice(1, -1),
  // The end depends on what follows.
  Buffer.from(value)
    .toString("base64")
    .replace(/.{0,3}=*$/, ""),
];

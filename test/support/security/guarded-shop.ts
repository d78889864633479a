import { createBroker, installedServices } from "@molecart/mixins/launch.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { healthAddressOf } from "@molecart/mixins/middlewares/health-server.ts";
import type { ServiceBroker } from "moleculer";
import { waitFor } from "../eventually.ts";
import { freePort } from "../servers/ports.ts";
import { ShopProcess } from "../shop-process.ts";
import { temporaryDataDir } from "../worlds.ts";

export const PASSWORD = "correct horse battery";
export const ADDRESS = { name: "Ada", line1: "1 Quay", city: "Hamburg", postalCode: "20457", country: "DE" };
export const GOOD_CARD = "4242424242424242";
/** Is charged, and takes no refund. */
export const UNREFUNDABLE_CARD = "4000000000005126";

export const ADMIN = { email: "admin@example.com", password: "a long password of an admin" };
const STEP_TIMEOUT_MS = 30_000;
/** A stream goes on: its first bytes are enough. */
const STREAM = "text/event-stream";

export type Headers = Readonly<Record<string, string>>;

export interface Person {
  id: string;
  email: string;
  password: string;
  accessToken: string;
  refreshToken: string;
  headers: Headers;
}

export interface Request {
  method: string;
  /** With its query, from the root. */
  path: string;
  headers?: Headers;
  body?: unknown;
  /** In the place of `body`: as it is. */
  raw?: string | Uint8Array<ArrayBuffer>;
}

export interface Answer {
  status: number;
  headers: globalThis.Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into answers of every shape
  body: any;
}

/** Sends a request and reads the whole answer, whatever it is. */
export const send = async (address: string, { method, path, headers = {}, body, raw }: Request): Promise<Answer> => {
  const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(`${address}${path}`, {
    method,
    headers: { ...(content !== undefined && { "content-type": "application/json" }), ...headers },
    ...(content !== undefined && { body: content }),
    redirect: "manual",
    signal: AbortSignal.timeout(STEP_TIMEOUT_MS),
  });
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith(STREAM)) {
    await response.body?.cancel();
    return { status: response.status, headers: response.headers, text: "", body: undefined };
  }
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: /[/+]json/.test(type) ? JSON.parse(text) : text };
};

interface Addresses {
  api: string;
  payments: string;
  /** Of the node's own port. */
  health: string;
}

/** What every such shop is started with: free ports, an empty folder, no limits of requests, an administrator. */
const settingsOf = async (dataDir: string) => ({
  DATA_DIR: dataDir,
  HEALTH_PORT: String(await freePort()),
  RATE_LIMIT: "off",
  USERS_ADMIN_EMAIL: ADMIN.email,
  USERS_ADMIN_PASSWORD: ADMIN.password,
});

/** The whole shop over real HTTP, and the people who use it. */
export class GuardedShop implements Addresses {
  readonly api: string;
  readonly payments: string;
  readonly health: string;
  readonly #stop: () => Promise<unknown>;
  admin!: Person;
  staff!: Person;
  owner!: Person;
  other!: Person;
  /** Of a product that there is plenty of. */
  sku!: string;
  productId!: string;
  category!: string;

  private constructor({ api, payments, health }: Addresses, stop: () => Promise<unknown>) {
    this.api = api;
    this.payments = payments;
    this.health = health;
    this.#stop = stop;
  }

  /** In this process. */
  static async open(settings: Record<string, string> = {}): Promise<GuardedShop & { broker: ServiceBroker; dataDir: string }> {
    const dataDir = temporaryDataDir();
    const env = { ...(await settingsOf(dataDir)), API_PORT: "0", PAYMENTS_PORT: "0", LOG_LEVEL: "fatal", ...settings };
    const broker = await createBroker(await installedServices(), { env });
    await broker.start();
    const { address: api } = broker.getLocalService("v1.api") as unknown as { address: string };
    const { listener } = broker.getLocalService("v1.payments") as unknown as { listener: { address: string } };
    const addresses = { api, payments: listener.address, health: healthAddressOf(broker) as string };
    const shop = new GuardedShop(addresses, () => broker.stop());
    await shop.#settle();
    return Object.assign(shop, { broker, dataDir });
  }

  /** In a process of its own, by `npm start`, with the demo shop. */
  static async launch(
    settings: Record<string, string> = {},
    onOutput?: (text: string) => void,
  ): Promise<GuardedShop & { process: ShopProcess; env: Record<string, string> }> {
    const [apiPort, paymentsPort] = [await freePort(), await freePort()];
    const given = await settingsOf(temporaryDataDir());
    const env: Record<string, string> = {
      ...given,
      API_PORT: String(apiPort),
      PAYMENTS_PORT: String(paymentsPort),
      LOG_LEVEL: "error",
      PAYMENTS_SANDBOX_LATE_MS: "500",
      PAYMENTS_PROVIDER_TIMEOUT_MS: "1000",
      ...settings,
    };
    const api = `http://127.0.0.1:${apiPort}`;
    const process = new ShopProcess({ command: ["start.ts"], env, readyUrl: `${api}/health/ready`, onOutput });
    await process.start();
    await waitFor(() => process.output.includes("Molecart is ready"), { describe: "the demo shop", withinMs: STEP_TIMEOUT_MS });
    const addresses = {
      api,
      payments: `http://127.0.0.1:${paymentsPort}`,
      health: `http://127.0.0.1:${given.HEALTH_PORT}`,
    };
    const shop = new GuardedShop(addresses, () => process.stop());
    await shop.#settle();
    return Object.assign(shop, { process, env });
  }

  /** One that runs already, such as a cluster. */
  static async of(addresses: Addresses): Promise<GuardedShop> {
    const shop = new GuardedShop(addresses, async () => {});
    await shop.#settle();
    return shop;
  }

  async #settle(): Promise<void> {
    this.admin = await this.signIn(ADMIN);
    const colleague = await this.signUp("staff");
    const path = `/api/v1/admin/users/${colleague.id}/roles`;
    await this.ok({ method: "PUT", path, headers: this.admin.headers, body: { roles: ["customer", "staff"] } });
    this.staff = await this.signIn(colleague);
    [this.owner, this.other] = await Promise.all([this.signUp("owner"), this.signUp("other")]);
    const { items } = await this.ok({ method: "GET", path: "/api/v1/categories" });
    this.category = items[0].slug;
    const product = await this.newProduct();
    this.productId = product.id;
    this.sku = product.variants[0].sku;
    const stock = { method: "PUT", path: `/api/v1/inventory/${this.sku}`, headers: this.staff.headers };
    await this.ok({ ...stock, body: { onHand: 100_000 } });
  }

  async stop(): Promise<void> {
    await this.#stop();
  }

  /** The body of a success; anything else is thrown. */
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into answers of every shape
  async ok(request: Request, address = this.api): Promise<any> {
    const { status, text, body } = await send(address, request);
    if (status >= 300) throw new Error(`${request.method} ${request.path} answered ${status}: ${text}`);
    return body;
  }

  async signUp(name: string): Promise<Person> {
    const email = `${name}.${newId().slice(-12)}@example.com`;
    const body = { email, password: PASSWORD, name };
    return this.#person(await this.ok({ method: "POST", path: "/api/v1/auth/register", body }), PASSWORD);
  }

  async signIn({ email, password }: { email: string; password: string }): Promise<Person> {
    return this.#person(await this.ok({ method: "POST", path: "/api/v1/auth/login", body: { email, password } }), password);
  }

  #person(
    signedIn: { user: { id: string; email: string }; accessToken: string; refreshToken: string },
    password: string,
  ): Person {
    const { user, accessToken, refreshToken } = signedIn;
    const headers = { authorization: `Bearer ${accessToken}` };
    return { id: user.id, email: user.email, password, accessToken, refreshToken, headers };
  }

  /** The headers of an API key of theirs. */
  async apiKey({ headers }: Person, scopes: readonly string[]): Promise<{ id: string; key: string; headers: Headers }> {
    const made = await this.ok({ method: "POST", path: "/api/v1/me/api-keys", headers, body: { name: "a partner", scopes } });
    return { id: made.id, key: made.key, headers: { "x-api-key": made.key } };
  }

  productBody(suffix = newId().slice(-12).toUpperCase()) {
    return {
      name: `Lamp ${suffix}`,
      brand: "Quay",
      category: this.category,
      description: "A lamp.",
      variants: [{ sku: `LAMP-${suffix}`, attributes: { size: "S" }, price: { amount: 1_990, currency: "EUR" } }],
      status: "published",
    };
  }

  newProduct() {
    return this.ok({ method: "POST", path: "/api/v1/products", headers: this.staff.headers, body: this.productBody() });
  }

  async cardToken(number = GOOD_CARD): Promise<string> {
    const body = { number, expMonth: 12, expYear: 2030, cvc: "123" };
    return (await this.ok({ method: "POST", path: "/tokens", body }, this.payments)).token;
  }

  async orderBody(card?: string) {
    return { paymentToken: await this.cardToken(card), shippingAddress: ADDRESS };
  }

  /** The quantity in the basket of whoever has these headers. */
  fillCart(headers: Headers, quantity = 1) {
    return this.ok({ method: "PUT", path: `/api/v1/cart/items/${this.sku}`, headers, body: { quantity } });
  }

  /** An order's id. */
  async order({ headers }: Person, { quantity = 1, card = GOOD_CARD } = {}): Promise<string> {
    await this.fillCart(headers, quantity);
    const placed = await this.ok({
      method: "POST",
      path: "/api/v1/orders",
      headers: { ...headers, "idempotency-key": newId() },
      body: await this.orderBody(card),
    });
    return placed.order.id;
  }
}

import { type JsonSchema, nameOf, type SchemaBook } from "./schema-book.ts";

const ORDER = "0199f0a4-6c1e-7b51-9d0e-2f6c8a1b3d57";
const EVENT = "0199f0a4-7d20-7c33-8a4f-51b2c3d4e5f6";

/** What a property of this name holds in the examples; `Component.property` wins over `property`. */
const values: Readonly<Record<string, unknown>> = {
  id: "0199f0a2-3b4c-7d5e-8f60-718293a4b5c6",
  orderId: ORDER,
  "Order.id": ORDER,
  productId: "0199e2b1-0c1d-7e2f-8a3b-4c5d6e7f8091",
  "Product.id": "0199e2b1-0c1d-7e2f-8a3b-4c5d6e7f8091",
  eventId: EVENT,
  sku: "KETTLE-STEEL-1L",
  skus: ["KETTLE-STEEL-1L"],
  slug: "kettles",
  "Product.slug": "gooseneck-kettle",
  email: "ada@example.com",
  name: "Ada Lovelace",
  "Product.name": "Gooseneck kettle",
  "NewProduct.name": "Gooseneck kettle",
  "ProductChange.name": "Gooseneck kettle",
  "CartLine.name": "Gooseneck kettle",
  "OrderLine.name": "Gooseneck kettle",
  "Category.name": "Kettles",
  "Category.children": [],
  password: "correct horse battery",
  currentPassword: "correct horse battery",
  newPassword: "staple the battery to the horse",
  "ResetPasswordRequest.token": "b1Yt6Rk0ZpWq9XsL3mVc7DfJ2hNg8TaE4uKoP5iQyXw",
  "CreateApiKeyRequest.name": "Bookkeeping",
  "ApiKey.name": "Bookkeeping",
  "CreatedApiKey.name": "Bookkeeping",
  prefix: "mck_Zk3vQ9wX",
  key: "mck_Zk3vQ9wXr7LmT2yB5nHc8JdF1gPsA4euYo6RkWq0VtX3f9a1c2e",
  scopes: ["orders:read"],
  "CreateApiKeyRequest.expiresAt": "2040-01-01T00:00:00.000Z",
  "ApiKey.expiresAt": "2040-01-01T00:00:00.000Z",
  "CreatedApiKey.expiresAt": "2040-01-01T00:00:00.000Z",
  "CreatedApiKey.lastUsedAt": null,
  disabledAt: null,
  compromised: false,
  kid: "k2",
  "SetUserRolesRequest.roles": ["customer", "staff"],
  "SetUserRolesRequest.reason": "new in the warehouse",
  "DisableUserRequest.reason": "has left",
  "EnableUserRequest.reason": "is back",
  "UserAuditEntry.reason": "new in the warehouse",
  after: ["customer", "staff"],
  accessToken: "eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
  refreshToken: "q8Xw0Zr2Jm5Vt7Yb9Nc1Kd3Lf6Hg4Ps-",
  expiresIn: 900,
  number: "M-7F3K-9QWD",
  "NewToken.number": "4242 4242 4242 4242",
  expMonth: 12,
  expYear: 2030,
  cvc: "123",
  token: "tok_5f0c6a1e9b7d4c3288e1",
  paymentToken: "tok_5f0c6a1e9b7d4c3288e1",
  cartToken: "Zk3vQ9wXr7LmT2yB5nHc8JdF1gPsA4eu",
  line1: "1 Harbour Street",
  line2: "2nd floor",
  city: "Hamburg",
  postalCode: "20457",
  country: "DE",
  amount: 4990,
  currency: "EUR",
  brand: "Northwind",
  "Card.brand": "visa",
  last4: "4242",
  category: "kettles",
  description: "Pours slowly and precisely.",
  images: ["https://images.molecart.example/gooseneck-kettle.jpg"],
  attributes: { colour: "steel" },
  attribute: "colour:steel",
  q: "kettle",
  value: "kettles",
  count: 12,
  total: 1,
  quantity: 2,
  limit: 20,
  onHand: 40,
  reserved: 3,
  available: 37,
  "CartLine.available": true,
  reason: "changed my mind",
  rejection: null,
  status: "ok",
  "SagaStep.status": "processed",
  roles: ["customer"],
  carrier: "DHL",
  trackingNumber: "JD0123456789",
  template: "order-confirmation",
  subject: "Your order M-7F3K-9QWD",
  body: "Thank you for your order.",
  nextCursor: null,
  cursor: "IjAxOTlmMGEyIg",
  degraded: [],
  service: "orders",
  event: "payment.completed",
  direction: "in",
  attempts: 1,
  error: null,
  requestId: "5d1c7a0e-1f3b-4c58-9a57-2b9d0c6e8f41",
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  fingerprint: "9f86d081884c7d65",
  aggregateId: ORDER,
  actor: "0199f0a2-3b4c-7d5e-8f60-718293a4b5c6",
  action: "replayed",
  data: { orderId: ORDER },
  oldData: null,
  newData: null,
  code: null,
  message: "The order cannot change so",
  "DeadLetter.code": "ORDER_NOT_FOUND",
  "DeadLetterDetail.code": "ORDER_NOT_FOUND",
  "DeadLetterGroup.code": "ORDER_NOT_FOUND",
  failureCode: null,
  paymentId: "0199f0a5-1d2e-7f3a-8b4c-5d6e7f8091a2",
  "RefundCase.code": "expired_or_canceled_card",
  "RefundCase.status": "refused",
  "RefundCase.method": null,
  "RefundCase.reference": null,
  "RefundStep.actor": "payments",
  "RefundStep.reason": "expired_or_canceled_card",
  "RetryRefundRequest.reason": "the card is open again",
  "SettleRefundRequest.reason": "agreed by phone",
  reference: "Transfer 2026-0117",
  detail: "The provider knows no such charge",
  keys: [{ kty: "OKP", crv: "Ed25519", kid: "1", alg: "EdDSA", use: "sig", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }],
  checks: { "service v1.orders": { status: "ok" } },
  type: "order.created",
};

/** Whole answers whose parts must agree with each other. */
const money = (amount: number) => ({ amount, currency: "EUR" });
const components: Readonly<Record<string, unknown>> = {
  Totals: { items: money(9980), shipping: money(490), tax: money(1672), total: money(10470) },
};
const amounts: Readonly<Record<string, number>> = {
  unitPrice: 4990,
  "CartLine.total": 9980,
  "OrderLine.total": 9980,
  "Line.total": 9980,
};

/** Whether an example of one property fits another of the same name. */
const fits = (schema: JsonSchema, value: unknown): boolean => {
  const { type, enum: allowed, const: only, anyOf, pattern, minimum, maximum, maxLength, format } = schema;
  if (only !== undefined) return value === only;
  if (allowed !== undefined) return allowed.includes(value);
  if (anyOf !== undefined) return anyOf.some((one) => one.$ref === undefined && fits(one, value));
  if (schema.$ref !== undefined) return false;
  switch (type) {
    case undefined:
      return true;
    case "string":
      return (
        typeof value === "string" &&
        (pattern === undefined || new RegExp(pattern as string, "u").test(value)) &&
        value.length <= ((maxLength as number | undefined) ?? Number.POSITIVE_INFINITY) &&
        (format !== "date-time" || !Number.isNaN(Date.parse(value)))
      );
    case "integer":
    case "number":
      return (
        typeof value === "number" &&
        value >= ((minimum as number | undefined) ?? -Infinity) &&
        value <= ((maximum as number | undefined) ?? Infinity)
      );
    case "null":
      return value === null;
    case "boolean":
      return typeof value === "boolean";
    case "array":
      return Array.isArray(value) && value.every((one) => schema.items === undefined || fits(schema.items, one));
    default:
      return typeof value === "object" && value !== null && schema.properties === undefined;
  }
};

/** A realistic value of a schema: by the names of its properties, else by what the schema allows. */
export const exampleOf = (
  book: SchemaBook,
  schema: JsonSchema,
  property = "",
  owner = "",
  within: readonly string[] = [],
): unknown => {
  if (schema.$ref !== undefined) {
    const name = nameOf(schema.$ref);
    if (Object.hasOwn(components, name)) return components[name];
    const amount = amounts[`${owner}.${property}`] ?? amounts[property];
    if (name === "Money" && amount !== undefined) return money(amount);
    const known = values[`${owner}.${property}`] ?? values[property];
    const target = book.resolve(schema);
    if (known !== undefined && fits(target, known)) return known;
    return exampleOf(book, target, property, name, [...within, name]);
  }
  for (const name of [`${owner}.${property}`, property])
    if (Object.hasOwn(values, name) && fits(schema, values[name])) return values[name];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.anyOf !== undefined) {
    const choice = schema.anyOf.find(({ type }) => type !== "null") as JsonSchema;
    return exampleOf(book, choice, property, owner, within);
  }
  switch (schema.type) {
    case "object":
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, part]) => [name, exampleOf(book, part, name, owner, within)]),
      );
    case "array": {
      const item = schema.items as JsonSchema;
      // A tree ends somewhere.
      if (item.$ref !== undefined && within.includes(nameOf(item.$ref))) return [];
      return [exampleOf(book, item, property.replace(/s$/, ""), owner, within)];
    }
    case "string":
      if (schema.format === "date-time") return "2026-03-01T12:00:00.000Z";
      if (schema.format === "uri") return "https://shop.example/return";
      if (schema.format === "email") return "ada@example.com";
      return "text".padEnd((schema.minLength as number | undefined) ?? 0, "-");
    case "integer":
    case "number":
      return Math.max((schema.minimum as number | undefined) ?? 1, 1);
    case "boolean":
      return true;
    default:
      return null;
  }
};

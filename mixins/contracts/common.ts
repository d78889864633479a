import { type Static, type TProperties, type TSchema, Type } from "typebox";

/** An object that knows exactly its properties. */
export const Exactly = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });

export const Id = Type.String({ minLength: 1, maxLength: 64, pattern: "^[A-Za-z0-9_:.-]+$" });
export const Sku = Type.String({ minLength: 1, maxLength: 64, pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*$" });
export const Time = Type.String({ format: "date-time" });
export const Quantity = Type.Integer({ minimum: 1, maximum: 999 });
export const Email = Type.String({ format: "email", maxLength: 254 });
export const Currency = Type.String({ pattern: "^[A-Z]{3}$" });

/** Chosen by the client: the same key and request have one effect and one answer. */
export const IdempotencyKey = Type.String({ minLength: 1, maxLength: 200, pattern: "^[\\x21-\\x7e]+$" });

/** Minor units of one ISO 4217 currency. */
export const Money = Exactly({
  amount: Type.Integer({ minimum: -9_007_199_254_740_991, maximum: 9_007_199_254_740_991 }),
  currency: Currency,
});
export type Money = Static<typeof Money>;

/** How a product is taxed: `standard`, `reduced`, `zero` or another class that the shop has rates for. */
export const TaxClass = Type.String({ pattern: "^[a-z][a-z0-9-]{0,31}$" });

/** ISO 3166-1 alpha-2. */
export const Country = Type.String({ pattern: "^[A-Z]{2}$" });

/** What is taxed at one rate, in basis points: 1900 is 19 %. `base` is net. */
export const TaxShare = Exactly({
  class: TaxClass,
  rate: Type.Integer({ minimum: 0, maximum: 10_000 }),
  base: Money,
  amount: Money,
});
export type TaxShare = Static<typeof TaxShare>;

/** items + shipping + tax = total, always. */
export const Totals = Exactly({
  items: Money,
  shipping: Money,
  tax: Money,
  total: Money,
  /** By tax class; their amounts add up to `tax`. Events and orders of before do not say it. */
  taxes: Type.Optional(Type.Array(TaxShare)),
  /** Prices of lines include their tax; `items` and `shipping` are without it all the same. Absent: prices are net. */
  taxIncluded: Type.Optional(Type.Boolean()),
});
export type Totals = Static<typeof Totals>;

export const Address = Exactly({
  name: Type.String({ minLength: 1, maxLength: 100 }),
  line1: Type.String({ minLength: 1, maxLength: 200 }),
  line2: Type.Optional(Type.String({ maxLength: 200 })),
  city: Type.String({ minLength: 1, maxLength: 100 }),
  postalCode: Type.String({ minLength: 1, maxLength: 20 }),
  country: Country,
});
export type Address = Static<typeof Address>;

/** Who is to be written to about an order. Travels with the events, so that no consumer has to ask for it. */
export const Customer = Exactly({ id: Id, email: Email, name: Type.String({ maxLength: 100 }) });
export type Customer = Static<typeof Customer>;

export const Role = Type.Enum(["customer", "staff", "admin"]);
export type Role = Static<typeof Role>;

/** Who asks, as the gateway has verified it. */
export const Viewer = Exactly({ userId: Id, roles: Type.Array(Role) });
export type Viewer = Static<typeof Viewer>;

/** A cursor page's request. */
export const Paging = {
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
};

export const Page = <T extends TSchema>(item: T) =>
  Exactly({ items: Type.Array(item), nextCursor: Type.Union([Type.String(), Type.Null()]) });

export const Nothing = Type.Null();
export const NoParams = Exactly({});

/** What a cart held at a moment: everything that was brought in by writes up to this one. Grows from write to write. */
export const CartRevision = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

import * as carts from "@molecart/mixins/contracts/carts.ts";
import * as common from "@molecart/mixins/contracts/common.ts";
import { Exactly } from "@molecart/mixins/contracts/common.ts";
import * as inventory from "@molecart/mixins/contracts/inventory.ts";
import * as notifications from "@molecart/mixins/contracts/notifications.ts";
import * as operations from "@molecart/mixins/contracts/operations.ts";
import * as orders from "@molecart/mixins/contracts/orders.ts";
import * as payments from "@molecart/mixins/contracts/payments.ts";
import * as products from "@molecart/mixins/contracts/products.ts";
import * as shipping from "@molecart/mixins/contracts/shipping.ts";
import * as users from "@molecart/mixins/contracts/users.ts";
import { Type } from "typebox";
import { OrderEnd, OrderStep } from "../order-steps.ts";
import { Overview } from "../overview.ts";
import { ProductDetail } from "../product-detail.ts";

export const InvalidField = Exactly({ path: Type.String(), message: Type.String() });

/** RFC 9457. */
export const Problem = Exactly({
  type: Type.String({ description: "A URN made of the code" }),
  title: Type.String({ description: "What the code means" }),
  status: Type.Integer({ minimum: 400, maximum: 599 }),
  code: Type.String({ description: "Stable, for programs" }),
  detail: Type.String({ description: "What has happened this time, for people" }),
  requestId: Type.String({ description: "The answer's X-Request-Id: name it when you ask for help" }),
  errors: Type.Optional(Type.Array(InvalidField, { description: "The fields that are not as they must be" })),
});

/** The names of schemas are those of the modules that export them. */
export const schemaModules = {
  common,
  users,
  products,
  inventory,
  carts,
  orders,
  payments,
  shipping,
  notifications,
  operations,
  api: { Overview, OrderStep, OrderEnd, ProductDetail, Problem, InvalidField },
};

export const schemaDescriptions: Readonly<Record<string, string>> = {
  Money: "Minor units (cents) of one ISO 4217 currency",
  Totals: "What a cart or an order costs: the lines, the shipping, the tax on both, and everything",
  Address: "`country` is an ISO 3166-1 alpha-2 code",
  Tokens: "The refresh token is good once: a refresh answers a new one",
  Cart: "Priced anew with each answer",
  CartLine:
    "`available` is a hint, not a reservation; null while the stock is not known; false also for what is not for sale any more: no total counts such a line",
  Order: "A copy of what was bought: later changes of prices or products do not touch it",
  OrderStep: "A step of an order's history; `seq` is its place in it, and the id of its event",
  OrderEnd: "Nothing more is to come by itself",
  Product: "`price` is the lowest of its variants; `version` grows by one with each write",
  Category: "A tree of any depth",
  Stock: "`available` is what can still be sold: on hand without what is reserved",
  Refund: "pending: promised, and on its way to the provider. succeeded: the provider has taken it, and it is booked",
  Return: "`refund` is what the received lines are worth; once refunded, what was paid back for them",
  Preferences: "Confirmations and receipts are owed by law and cannot be switched off",
  Problem: "An error (RFC 9457), as application/problem+json",
  Overview: "A part that could not be had is null, and named in `degraded`",
  ProductDetail: "A part that could not be had is null, and named in `degraded`",
  SagaStep: "What one service has done, is doing or has yet to do about an order",
  DeadLetter: "An event that a service could not handle",
  AuditEntry: "What an operator has done with a dead letter",
};

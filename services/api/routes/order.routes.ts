import { Exactly, Paging } from "@molecart/mixins/contracts/common.ts";
import { OrderStatus, orders } from "@molecart/mixins/contracts/orders.ts";
import { shipping } from "@molecart/mixins/contracts/shipping.ts";
import { Type } from "typebox";
import { viewerOf } from "../access.ts";
import { actionRoute } from "../route.ts";

const newOrder = orders.actions.create.params.properties;
const dispatch = shipping.actions.dispatch.params.properties;

export const orderRoutes = [
  actionRoute({
    method: "POST",
    path: "/orders",
    access: "customer",
    status: 202,
    summary: "Places the caller's cart as an order. The same Idempotency-Key and body answer the same order",
    needsIdempotencyKey: true,
    body: Exactly({
      paymentToken: newOrder.paymentToken,
      shippingAddress: newOrder.shippingAddress,
      expectedTotal: newOrder.expectedTotal,
    }),
    action: "v1.orders.create",
    params: ({ caller: { userId, email, name }, idempotencyKey, body }) => ({
      customer: { id: userId, email, name },
      idempotencyKey,
      ...body,
    }),
    location: ({ id }) => `/orders/${id}`,
    under: "order",
  }),
  actionRoute({
    method: "GET",
    path: "/orders",
    access: "customer",
    status: 200,
    summary: "The caller's orders, newest first",
    query: Exactly(Paging),
    action: "v1.orders.list",
    params: ({ caller, query }) => ({ userId: caller.userId, ...query }),
  }),
  actionRoute({
    method: "GET",
    path: "/orders/{id}",
    access: "customer",
    status: 200,
    summary: "An order, to its owner and to staff",
    action: "v1.orders.get",
    params: ({ path, caller }) => ({ orderId: path.id, viewer: viewerOf(caller) }),
  }),
  actionRoute({
    method: "POST",
    path: "/orders/{id}/cancel",
    access: "customer",
    status: 202,
    summary: "Asks for the cancellation of an order",
    body: Exactly({ reason: orders.actions.cancel.params.properties.reason }),
    action: "v1.orders.cancel",
    params: ({ path, caller, body }) => ({ orderId: path.id, viewer: viewerOf(caller), reason: body.reason }),
    under: "order",
  }),
  actionRoute({
    method: "GET",
    path: "/orders/{id}/shipment",
    access: "customer",
    status: 200,
    summary: "The shipment of an order, to its owner and to staff",
    action: "v1.shipping.getByOrder",
    params: ({ path, caller }) => ({ orderId: path.id, viewer: viewerOf(caller) }),
  }),
  actionRoute({
    method: "GET",
    path: "/orders/{id}/payment",
    access: "customer",
    status: 200,
    summary: "The payment of an order, to its owner and to staff",
    action: "v1.payments.getByOrder",
    params: ({ path, caller }) => ({ orderId: path.id, viewer: viewerOf(caller) }),
  }),
  actionRoute({
    method: "GET",
    path: "/admin/orders",
    access: "staff",
    status: 200,
    summary: "Every customer's orders, newest first",
    query: Exactly({ status: Type.Optional(OrderStatus), ...Paging }),
    action: "v1.orders.listAll",
    params: ({ query }) => query,
  }),
  actionRoute({
    method: "POST",
    path: "/admin/shipments/{id}/dispatch",
    access: "staff",
    status: 200,
    summary: "Records that the carrier has taken the parcel",
    body: Exactly({ carrier: dispatch.carrier, trackingNumber: dispatch.trackingNumber }),
    action: "v1.shipping.dispatch",
    params: ({ path, body }) => ({ shipmentId: path.id, ...body }),
  }),
  actionRoute({
    method: "POST",
    path: "/admin/shipments/{id}/deliver",
    access: "staff",
    status: 200,
    summary: "Records that the parcel has arrived",
    action: "v1.shipping.deliver",
    params: ({ path }) => ({ shipmentId: path.id }),
  }),
];

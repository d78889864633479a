import { pascal } from "@molecart/mixins/openapi/schema-book.ts";
import type { Route } from "../route.ts";

/** Names of operations: methods of the client package are called so, which makes them as stable as paths. */
const names: Readonly<Record<string, string>> = {
  "POST /auth/register": "register",
  "POST /auth/login": "login",
  "POST /auth/refresh": "refreshTokens",
  "POST /auth/logout": "logout",
  "POST /auth/password/forgot": "forgotPassword",
  "POST /auth/password/reset": "resetPassword",
  "GET /.well-known/jwks.json": "getSigningKeys",
  "GET /me": "getProfile",
  "PATCH /me": "updateProfile",
  "GET /me/overview": "getOverview",
  "GET /me/addresses": "listAddresses",
  "POST /me/addresses": "addAddress",
  "PUT /me/addresses/{id}": "setAddress",
  "DELETE /me/addresses/{id}": "removeAddress",
  "GET /me/notifications": "listNotifications",
  "GET /me/notification-preferences": "getNotificationPreferences",
  "PUT /me/notification-preferences": "setNotificationPreferences",
  "PUT /me/password": "changePassword",
  "GET /me/api-keys": "listApiKeys",
  "POST /me/api-keys": "createApiKey",
  "DELETE /me/api-keys/{id}": "revokeApiKey",
  "GET /products": "searchProducts",
  "GET /products/{id}": "getProduct",
  "GET /products/{id}/detail": "getProductDetail",
  "GET /products/{id}/history": "getProductHistory",
  "GET /products/by-slug/{slug}": "getProductBySlug",
  "GET /products/suggest": "suggestProducts",
  "GET /products/export": "exportProducts",
  "POST /products/imports": "startImport",
  "GET /products/imports": "listImports",
  "GET /products/imports/{id}": "getImport",
  "PATCH /products/imports/{id}/content": "uploadImport",
  "GET /products/imports/{id}/errors": "downloadImportErrors",
  "POST /products/imports/{id}/cancel": "cancelImport",
  "GET /brands": "listBrands",
  "POST /categories": "createCategory",
  "PATCH /categories/{slug}": "updateCategory",
  "DELETE /categories/{slug}": "removeCategory",
  "GET /categories": "listCategories",
  "POST /products": "createProduct",
  "PATCH /products/{id}": "updateProduct",
  "DELETE /products/{id}": "archiveProduct",
  "GET /inventory/{sku}": "getStock",
  "PUT /inventory/{sku}": "setStock",
  "GET /cart": "getCart",
  "DELETE /cart": "clearCart",
  "PUT /cart/items/{sku}": "setCartItem",
  "DELETE /cart/items/{sku}": "removeCartItem",
  "POST /cart/merge": "mergeCart",
  "POST /orders": "placeOrder",
  "GET /orders": "listOrders",
  "GET /orders/{id}": "getOrder",
  "GET /orders/{id}/events": "followOrder",
  "POST /orders/{id}/cancel": "cancelOrder",
  "GET /orders/{id}/shipment": "getShipment",
  "GET /orders/{id}/payment": "getPayment",
  "POST /orders/{id}/returns": "requestReturn",
  "GET /orders/{id}/returns": "listReturns",
  "GET /admin/products": "listAllProducts",
  "GET /admin/search-index": "getSearchIndex",
  "POST /admin/search-index/check": "checkSearchIndex",
  "POST /admin/search-index/rebuild": "rebuildSearchIndex",
  "GET /admin/orders": "listAllOrders",
  "POST /admin/orders/{id}/refunds": "refundOrder",
  "POST /admin/shipments/{id}/dispatch": "dispatchShipment",
  "POST /admin/shipments/{id}/deliver": "deliverShipment",
  "POST /admin/returns/{id}/receive": "receiveReturn",
  "POST /admin/returns/{id}/reject": "rejectReturn",
  "GET /admin/users": "listUsers",
  "GET /admin/users/{id}": "getUser",
  "PUT /admin/users/{id}/roles": "setUserRoles",
  "POST /admin/users/{id}/disable": "disableUser",
  "POST /admin/users/{id}/enable": "enableUser",
  "GET /admin/users/{id}/audit": "getUserAudit",
  "POST /admin/signing-keys/rotate": "rotateSigningKeys",
  "GET /admin/payments/findings": "listPaymentFindings",
  "GET /admin/refunds": "listRefusedRefunds",
  "POST /admin/refunds/{id}/retry": "retryRefund",
  "POST /admin/refunds/{id}/settle": "settleRefund",
  "GET /admin/sagas": "listStuckOrders",
  "GET /admin/sagas/{id}": "getSaga",
  "GET /admin/dead-letters": "listDeadLetters",
  "GET /admin/dead-letters/groups": "listDeadLetterGroups",
  "POST /admin/dead-letters/groups/{fingerprint}/replay": "replayDeadLetterGroup",
  "GET /admin/dead-letters/{id}": "getDeadLetter",
  "POST /admin/dead-letters/{id}/replay": "replayDeadLetter",
  "PUT /admin/dead-letters/{id}": "editDeadLetter",
  "DELETE /admin/dead-letters/{id}": "discardDeadLetter",
  "GET /health/live": "getLiveness",
  "GET /health/ready": "getReadiness",
  "GET /openapi.json": "getOpenApiDocument",
  "GET /asyncapi.json": "getAsyncApiDocument",
  "GET /docs": "getDocsPage",
  "GET /docs/docs.css": "getDocsStyle",
  "GET /docs/docs.js": "getDocsScript",
};

const verbs = { GET: "get", POST: "create", PUT: "set", PATCH: "update", DELETE: "remove" } as const;

/** `/api/v1/orders/{id}` -> `/orders/{id}` */
export const shortPath = (path: string): string => path.replace(/^\/api\/v\d+/, "");

/** A route that has no name here is called by its method and path: `GET /reports/{id}/file` -> `getReportsByIdFile`. */
export const operationIdOf = ({ method, path }: Pick<Route, "method" | "path">): string => {
  const short = shortPath(path);
  const words = short.split("/").map((step) => step.replace(/^\{(\w+)\}$/, "by-$1"));
  return names[`${method} ${short}`] ?? `${verbs[method]}${pascal(words)}`;
};

const tags: readonly (readonly [prefix: string, tag: string])[] = [
  ["/auth", "Sign-in"],
  ["/.well-known", "Sign-in"],
  ["/me", "Account"],
  ["/products", "Catalogue"],
  ["/categories", "Catalogue"],
  ["/brands", "Catalogue"],
  ["/admin/products", "Catalogue"],
  ["/inventory", "Stock"],
  ["/cart", "Cart"],
  ["/orders", "Orders"],
  ["/admin/search-index", "Operations"],
  ["/admin/sagas", "Operations"],
  ["/admin/dead-letters", "Operations"],
  ["/admin/orders", "Back office"],
  ["/admin/shipments", "Back office"],
  ["/admin/returns", "Back office"],
  ["/admin/payments", "Back office"],
  ["/admin/refunds", "Back office"],
  ["/health", "Gateway"],
  ["/openapi.json", "Gateway"],
  ["/asyncapi.json", "Gateway"],
  ["/docs", "Gateway"],
];

export const tagDescriptions: Readonly<Record<string, string>> = {
  "Sign-in": "Accounts, tokens and the keys that tokens are signed with",
  Account: "What belongs to the caller: profile, addresses, messages",
  Catalogue: "Products, categories, search, imports and exports",
  Stock: "What is on hand and reserved, for staff",
  Cart: "Of guests and of customers",
  Orders: "From the order to its parcel, and back",
  "Back office": "Orders, refunds, returns and parcels, for staff",
  Operations: "Sagas, dead letters and the search index, for staff",
  Gateway: "Health and documents",
};

/** A path of its own kind is named by its first step. */
export const tagOf = ({ path }: Pick<Route, "path">): string => {
  const short = shortPath(path);
  const known = tags.find(([prefix]) => short === prefix || short.startsWith(`${prefix}/`));
  if (known !== undefined) return known[1];
  const steps = short.split("/").filter((step) => step !== "");
  return steps[0] === "admin" ? "Back office" : pascal([steps[0] ?? "shop"]);
};

/** Who stands at the door. */
export const roles = [
  /** Shows nothing. */
  "anonymous",
  /** Shows the token of a guest's cart. */
  "guest",
  /** A customer who does not own what the call is about. */
  "other",
  /** The customer who owns it. */
  "owner",
  /** An API key of the owner, good for everything that a customer's can be good for. */
  "ownerKey",
  /** Such a key of the other customer. */
  "otherKey",
  /** A key of the staff, good for something else than this. */
  "weakKey",
  /** Staff, who are not administrators. */
  "staff",
  /** A key of the staff, good for everything. */
  "staffKey",
  /** An administrator. */
  "admin",
  /** A key of the administrator, good for everything. */
  "adminKey",
] as const;
export type Role = (typeof roles)[number];

/** What becomes of a call that is well formed and whose thing is there: 401 is UNAUTHENTICATED, 403 is FORBIDDEN, and where a star
 *  stands, the refusal is the one that is named at the end. Somebody else's thing is refused as one that does not exist. */
const table = `
operation                                                       anonymous guest     other     owner     ownerKey  otherKey  weakKey   staff     staffKey  admin     adminKey  *
# Sign-in
POST   /api/v1/auth/register                                    201       201       201       201       403       403       403       201       403       201       403
POST   /api/v1/auth/login                                       200       200       200       200       403       403       403       200       403       200       403
POST   /api/v1/auth/refresh                                     200       200       200       200       403       403       403       200       403       200       403
POST   /api/v1/auth/logout                                      204       204       204       204       403       403       403       204       403       204       403
POST   /api/v1/auth/password/forgot                             202       202       202       202       403       403       403       202       403       202       403
POST   /api/v1/auth/password/reset                              400*      400*      400*      400*      403       403       403       400*      403       400*      403       INVALID_RESET_TOKEN
GET    /.well-known/jwks.json                                   200       200       200       200       403       403       403       200       403       200       403
# The caller's own
GET    /api/v1/me                                               401       401       200       200       200       200       403       200       200       200       200
PATCH  /api/v1/me                                               401       401       200       200       200       200       403       200       200       200       200
GET    /api/v1/me/overview                                      401       401       200       200       403       403       403       200       403       200       403
GET    /api/v1/me/addresses                                     401       401       200       200       200       200       403       200       200       200       200
POST   /api/v1/me/addresses                                     401       401       201       201       201       201       403       201       201       201       201
PUT    /api/v1/me/addresses/{id}                                401       401       404*      200       200       404*      403       404*      404*      404*      404*      ADDRESS_NOT_FOUND
DELETE /api/v1/me/addresses/{id}                                401       401       404*      204       204       404*      403       404*      404*      404*      404*      ADDRESS_NOT_FOUND
GET    /api/v1/me/notifications                                 401       401       200       200       200       200       403       200       200       200       200
GET    /api/v1/me/notification-preferences                      401       401       200       200       200       200       403       200       200       200       200
PUT    /api/v1/me/notification-preferences                      401       401       200       200       200       200       403       200       200       200       200
PUT    /api/v1/me/password                                      401       401       204       204       403       403       403       204       403       204       403
GET    /api/v1/me/api-keys                                      401       401       200       200       403       403       403       200       403       200       403
POST   /api/v1/me/api-keys                                      401       401       201       201       403       403       403       201       403       201       403
DELETE /api/v1/me/api-keys/{id}                                 401       401       404*      204       403       403       403       404*      403       404*      403       API_KEY_NOT_FOUND
# Catalogue and stock
GET    /api/v1/products                                         200       200       200       200       200       200       403       200       200       200       200
GET    /api/v1/products/{id}                                    200       200       200       200       200       200       403       200       200       200       200
GET    /api/v1/products/{id}/detail                             200       200       200       200       200       200       403       200       200       200       200
GET    /api/v1/categories                                       200       200       200       200       200       200       403       200       200       200       200
GET    /api/v1/products/suggest                                 200       200       200       200       200       200       403       200       200       200       200
GET    /api/v1/products/by-slug/{slug}                          200       200       200       200       200       200       403       200       200       200       200
GET    /api/v1/brands                                           200       200       200       200       200       200       403       200       200       200       200
POST   /api/v1/products                                         401       401       403       403       403       403       403       201       201       201       201
PATCH  /api/v1/products/{id}                                    401       401       403       403       403       403       403       200       200       200       200
DELETE /api/v1/products/{id}                                    401       401       403       403       403       403       403       204       204       204       204
GET    /api/v1/products/{id}/history                            401       401       403       403       403       403       403       200       200       200       200
GET    /api/v1/admin/products                                   401       401       403       403       403       403       403       200       200       200       200
GET    /api/v1/products/export                                  401       401       403       403       403       403       403       200       200       200       200
POST   /api/v1/products/imports                                 401       401       403       403       403       403       403       201       201       201       201
GET    /api/v1/products/imports                                 401       401       403       403       403       403       403       200       200       200       200
GET    /api/v1/products/imports/{id}                            401       401       403       403       403       403       403       200       200       200       200
PATCH  /api/v1/products/imports/{id}/content                    401       401       403       403       403       403       403       200       200       200       200
GET    /api/v1/products/imports/{id}/errors                     401       401       403       403       403       403       403       200       200       200       200
POST   /api/v1/products/imports/{id}/cancel                     401       401       403       403       403       403       403       200       200       200       200
POST   /api/v1/categories                                       401       401       403       403       403       403       403       201       201       201       201
PATCH  /api/v1/categories/{slug}                                401       401       403       403       403       403       403       200       200       200       200
DELETE /api/v1/categories/{slug}                                401       401       403       403       403       403       403       204       204       204       204
GET    /api/v1/admin/search-index                               401       401       403       403       403       403       403       200       200       200       200
POST   /api/v1/admin/search-index/check                         401       401       403       403       403       403       403       202       202       202       202
POST   /api/v1/admin/search-index/rebuild                       401       401       403       403       403       403       403       202       202       202       202
GET    /api/v1/inventory/{sku}                                  401       401       403       403       403       403       403       200       200       200       200
PUT    /api/v1/inventory/{sku}                                  401       401       403       403       403       403       403       200       200       200       200
# Carts
GET    /api/v1/cart                                             200       200       200       200       200       200       403       200       200       200       200
DELETE /api/v1/cart                                             204       204       204       204       204       204       403       204       204       204       204
POST   /api/v1/cart/items                                       200       200       200       200       200       200       403       200       200       200       200
PUT    /api/v1/cart/items/{sku}                                 200       200       200       200       200       200       403       200       200       200       200
DELETE /api/v1/cart/items/{sku}                                 200       200       200       200       200       200       403       200       200       200       200
POST   /api/v1/cart/items/{sku}/save                            200       200       200       200       200       200       403       200       200       200       200
POST   /api/v1/cart/saved/{sku}/restore                         200       200       200       200       200       200       403       200       200       200       200
DELETE /api/v1/cart/saved/{sku}                                 200       200       200       200       200       200       403       200       200       200       200
POST   /api/v1/cart/quote                                       401       401       201       201       201       201       403       201       201       201       201
POST   /api/v1/cart/merge                                       401       401       200       200       200       200       403       200       200       200       200
# Orders
POST   /api/v1/orders                                           401       401       202       202       202       202       403       202       202       202       202
GET    /api/v1/orders                                           401       401       200       200       200       200       403       200       200       200       200
GET    /api/v1/orders/{id}                                      401       401       404*      200       200       404*      403       200       200       200       200       ORDER_NOT_FOUND
GET    /api/v1/orders/{id}/events                               401       401       404*      200       200       404*      403       200       200       200       200       ORDER_NOT_FOUND
POST   /api/v1/orders/{id}/cancel                               401       401       404*      202       202       404*      403       202       202       202       202       ORDER_NOT_FOUND
GET    /api/v1/orders/{id}/shipment                             401       401       404*      200       200       404*      403       200       200       200       200       SHIPMENT_NOT_FOUND
GET    /api/v1/orders/{id}/payment                              401       401       404*      200       200       404*      403       200       200       200       200       PAYMENT_NOT_FOUND
POST   /api/v1/orders/{id}/returns                              401       401       404*      202       202       404*      403       202       202       202       202       ORDER_NOT_FOUND
GET    /api/v1/orders/{id}/returns                              401       401       404*      200       200       404*      403       200       200       200       200       ORDER_NOT_FOUND
# Back office and operations
GET    /api/v1/admin/orders                                     401       401       403       403       403       403       403       200       200       200       200
POST   /api/v1/admin/shipments/{id}/dispatch                    401       401       403       403       403       403       403       200       200       200       200
POST   /api/v1/admin/shipments/{id}/deliver                     401       401       403       403       403       403       403       200       200       200       200
POST   /api/v1/admin/orders/{id}/refunds                        401       401       403       403       403       403       403       202       202       202       202
POST   /api/v1/admin/returns/{id}/receive                       401       401       403       403       403       403       403       202       202       202       202
POST   /api/v1/admin/returns/{id}/reject                        401       401       403       403       403       403       403       202       202       202       202
GET    /api/v1/admin/payments/findings                          401       401       403       403       403       403       403       200       200       200       200
GET    /api/v1/admin/refunds                                    401       401       403       403       403       403       403       200       200       200       200
POST   /api/v1/admin/refunds/{id}/retry                         401       401       403       403       403       403       403       202       202       202       202
POST   /api/v1/admin/refunds/{id}/settle                        401       401       403       403       403       403       403       200       200       200       200
GET    /api/v1/admin/sagas                                      401       401       403       403       403       403       403       200       200       200       200
GET    /api/v1/admin/sagas/{id}                                 401       401       403       403       403       403       403       200       200       200       200
GET    /api/v1/admin/dead-letters                               401       401       403       403       403       403       403       200       200       200       200
GET    /api/v1/admin/dead-letters/groups                        401       401       403       403       403       403       403       200       200       200       200
POST   /api/v1/admin/dead-letters/groups/{fingerprint}/replay   401       401       403       403       403       403       403       200       200       200       200
GET    /api/v1/admin/dead-letters/{id}                          401       401       403       403       403       403       403       200       200       200       200
POST   /api/v1/admin/dead-letters/{id}/replay                   401       401       403       403       403       403       403       200       200       200       200
PUT    /api/v1/admin/dead-letters/{id}                          401       401       403       403       403       403       403       200       200       200       200
DELETE /api/v1/admin/dead-letters/{id}                          401       401       403       403       403       403       403       204       204       204       204
# Who may do what
GET    /api/v1/admin/users                                      401       401       403       403       403       403       403       403       403       200       403
GET    /api/v1/admin/users/{id}                                 401       401       403       403       403       403       403       403       403       200       403
PUT    /api/v1/admin/users/{id}/roles                           401       401       403       403       403       403       403       403       403       200       403
POST   /api/v1/admin/users/{id}/disable                         401       401       403       403       403       403       403       403       403       200       403
POST   /api/v1/admin/users/{id}/enable                          401       401       403       403       403       403       403       403       403       200       403
GET    /api/v1/admin/users/{id}/audit                           401       401       403       403       403       403       403       403       403       200       403
POST   /api/v1/admin/signing-keys/rotate                        401       401       403       403       403       403       403       403       403       200       403
# For everybody
GET    /health/live                                             200       200       200       200       403       403       403       200       403       200       403
GET    /health/ready                                            200       200       200       200       403       403       403       200       403       200       403
GET    /openapi.json                                            200       200       200       200       200       200       200       200       200       200       200
GET    /asyncapi.json                                           200       200       200       200       200       200       200       200       200       200       200
GET    /docs                                                    200       200       200       200       200       200       200       200       200       200       200
GET    /docs/docs.css                                           200       200       200       200       200       200       200       200       200       200       200
GET    /docs/docs.js                                            200       200       200       200       200       200       200       200       200       200       200
# The payments listener, which knows no callers
POST   payments/tokens                                          201       201       201       201       201       201       201       201       201       201       201
POST   payments/webhooks/{provider}                             401*      401*      401*      401*      401*      401*      401*      401*      401*      401*      401*      INVALID_SIGNATURE
GET    payments/openapi.json                                    200       200       200       200       200       200       200       200       200       200       200
GET    payments/health/live                                     200       200       200       200       200       200       200       200       200       200       200
GET    payments/health/ready                                    200       200       200       200       200       200       200       200       200       200       200
# A node's health port
GET    node/health/live                                         200       200       200       200       200       200       200       200       200       200       200
GET    node/health/ready                                        200       200       200       200       200       200       200       200       200       200       200
`;

const everywhere: Readonly<Record<string, string>> = { "401": "401 UNAUTHENTICATED", "403": "403 FORBIDDEN" };

/** Operation -> role -> status, with its code where it is a refusal. `payments/...` is the payments listener, `node/...` a node's
 *  health port. */
export const accessTable: Readonly<Record<string, Readonly<Record<Role, string>>>> = Object.fromEntries(
  table
    .split("\n")
    .filter((line) => /^[A-Z]+ /.test(line))
    .map((line) => {
      const [method, path, ...cells] = line.trim().split(/ +/) as [string, string, ...string[]];
      const named = cells[roles.length];
      const inFull = (cell = "missing") => (cell.endsWith("*") ? `${cell.slice(0, -1)} ${named}` : (everywhere[cell] ?? cell));
      return [`${method} ${path}`, Object.fromEntries(roles.map((role, column) => [role, inFull(cells[column])]))];
    }),
) as Record<string, Record<Role, string>>;

import { Exactly, Sku } from "@molecart/mixins/contracts/common.ts";
import { Product } from "@molecart/mixins/contracts/products.ts";
import { type Static, Type } from "typebox";
import { Degraded, part } from "./part.ts";
import type { Desk } from "./route.ts";

const RELATED = 6;
const PARTS = ["stock", "related"] as const;

/** How long the page waits for each, in milliseconds. */
export const DETAIL_DEADLINES_MS: Record<(typeof PARTS)[number], number> = { stock: 1_000, related: 1_500 };

export const ProductDetail = Exactly({
  product: Product,
  /** Of the SKUs that the inventory knows. What is on hand and reserved is the shop's business. */
  stock: Type.Union([Type.Array(Exactly({ sku: Sku, available: Type.Integer({ minimum: 0 }) })), Type.Null()]),
  related: Type.Union([Type.Array(Product), Type.Null()]),
  /** The parts that could not be had. */
  degraded: Type.Array(Type.Enum(PARTS)),
});
export type ProductDetail = Static<typeof ProductDetail>;

/** Without the product there is no answer; the rest degrades by part. Related ones are asked for beside the product, the stock when
 *  its SKUs are known. */
export const productDetail = async (desk: Desk, productId: string, includeUnpublished: boolean): Promise<ProductDetail> => {
  const degraded = new Degraded(desk);
  const related = part("related", DETAIL_DEADLINES_MS.related, desk, degraded, (limit) =>
    desk.call("v1.products.related", { productId, limit: RELATED }, limit),
  );
  const product = await desk.call("v1.products.get", { productId, includeUnpublished });
  const skus = product.variants.map(({ sku }) => sku);
  const [stock, others] = await Promise.all([
    part("stock", DETAIL_DEADLINES_MS.stock, desk, degraded, (limit) => desk.call("v1.inventory.getMany", { skus }, limit)),
    related,
  ]);
  return {
    product,
    stock: stock?.items.map(({ sku, available }) => ({ sku, available })) ?? null,
    related: others?.items ?? null,
    degraded: degraded.among(PARTS),
  };
};

import type { Product } from "@molecart/mixins/contracts/products.ts";
import { DuplicateKey } from "@molecart/mixins/document-store/collection.ts";
import type { OutboxEntry } from "@molecart/mixins/document-store/outbox.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import type { DemoProduct } from "./demo/index.ts";
import { DemoNotAvailable } from "./product.errors.ts";
import { eventOf, type ProductDesk } from "./product.operations.ts";
import { findProducts, insertProduct, insertProducts } from "./product.repository.ts";
import { newProduct } from "./product.ts";

/** Puts those demo products into the catalogue that are not there, each with its event; what a kill has left undone is done
 *  the next time. Answers them. */
export const seedDemo = async (desk: ProductDesk, demo: readonly DemoProduct[]): Promise<Product[]> => {
  if (!desk.config.embedded) throw new DemoNotAvailable();
  const there = new Set(
    (
      await findProducts(
        desk.documents,
        demo.map(({ id }) => id),
      )
    ).map(({ id }) => id),
  );
  const missing = demo.filter(({ id }) => !there.has(id)).map((one) => forSale(one, desk));
  try {
    await insertProducts(desk.documents, missing);
    return missing.map(([product]) => product);
  } catch (error) {
    // Somebody has given a slug or a SKU of a demo product to one of his own: that demo product stays away.
    if (!(error instanceof DuplicateKey)) throw error;
    return insertWhatFits(desk, missing);
  }
};

/** The demo's prices are the same numbers in every currency. */
const forSale = ({ id, product }: DemoProduct, { clock, config: { currency } }: ProductDesk): [Product, OutboxEntry] => {
  const variants = product.variants.map((variant) => ({ ...variant, price: { amount: variant.price.amount, currency } }));
  const created = newProduct({ ...product, variants, status: "published" }, id, { at: isoTime(clock.now()), currency });
  return [created, eventOf(undefined, created)];
};

const insertWhatFits = async ({ documents }: ProductDesk, products: readonly [Product, OutboxEntry][]): Promise<Product[]> => {
  const inserted: Product[] = [];
  for (const [product, event] of products) {
    try {
      await insertProduct(documents, product, event);
      inserted.push(product);
    } catch (error) {
      if (!(error instanceof DuplicateKey)) throw error;
    }
  }
  return inserted;
};

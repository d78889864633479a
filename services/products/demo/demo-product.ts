import type { NewProduct } from "@molecart/mixins/contracts/products.ts";

export interface DemoProduct {
  id: string;
  product: NewProduct;
  stock: { sku: string; onHand: number }[];
}

/** `suffix` completes the product's SKU; the only variant of a product may leave it empty. */
type DemoVariant = [suffix: string, attributes: Record<string, string>, cents: number, onHand: number];

interface Entry {
  name: string;
  brand: string;
  category: string;
  /** The description; line breaks and indentation are folded into single spaces. */
  about: string;
  sku: string;
  pictures?: 1 | 2;
  variants: DemoVariant[];
}

/** The products of one top-level category, in the order in which they are written down. */
export const shelf = (entries: Entry[]): DemoProduct[] => entries.map(demoProduct);

function demoProduct({ name, brand, category, about, sku, pictures = 2, variants }: Entry): DemoProduct {
  const slug = slugOf(name);
  const skuOf = (suffix: string) => (suffix === "" ? sku : `${sku}-${suffix}`);
  return {
    id: `p-${slug}`,
    product: {
      slug,
      name,
      brand,
      category,
      description: about.replace(/\s+/g, " ").trim(),
      variants: variants.map(([suffix, attributes, cents]) => ({
        sku: skuOf(suffix),
        attributes,
        price: { amount: cents, currency: "EUR" },
      })),
      images: Array.from({ length: pictures }, (_, i) => `https://images.molecart.example/${slug}/${i + 1}.jpg`),
    },
    stock: variants.map(([suffix, , , onHand]) => ({ sku: skuOf(suffix), onHand })),
  };
}

/** "Tollgate Café Lock" becomes "tollgate-cafe-lock". */
function slugOf(name: string): string {
  return name
    .normalize("NFD")
    .replace(/[\u0300-\u036f'’]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

import type { EventData } from "@molecart/mixins/contracts/index.ts";

const CURRENCY = "EUR";

export const shippingAddress = {
  name: "Ada Lovelace",
  line1: "1 Analytical Way",
  city: "London",
  postalCode: "N1",
  country: "GB",
};
export const customer = { id: "customer-1", email: "ada@example.com", name: "Ada Lovelace" };

const UNIT_PRICE = 1_000;
const euros = (amount: number) => ({ amount, currency: CURRENCY });

/** What every event of an order says of it. Each line costs ten euros a piece. */
export const orderData = (orderId: string, lines: readonly { sku: string; quantity: number }[]) => {
  const total = euros(lines.reduce((sum, { quantity }) => sum + quantity * UNIT_PRICE, 0));
  return {
    orderId,
    number: `M-${orderId.slice(-8)}`,
    customer,
    lines: lines.map(({ sku, quantity }) => ({
      sku,
      productId: `product-of-${sku}`,
      name: `The ${sku}`,
      quantity,
      unitPrice: euros(UNIT_PRICE),
      total: euros(quantity * UNIT_PRICE),
    })),
    totals: { items: total, shipping: euros(0), tax: euros(0), total },
    shippingAddress,
  } satisfies EventData<"order.confirmed">;
};

import { consumerName } from "../../messaging/event-bus.ts";
import type { CatalogueFacts, InventoryFacts } from "../facts.ts";
import type { Invariant } from "../invariant.ts";
import type { View } from "../view.ts";

/** What can be ordered can be reserved: the inventory knows every SKU of the catalogue. */
export const catalogue: Invariant = {
  name: "the inventory knows the catalogue",
  needs: ["catalogue", "inventory"],
  check(view) {
    const { products } = view.catalogue as CatalogueFacts;
    const known = new Set((view.inventory as InventoryFacts).stock.map(({ sku }) => sku));
    const checked = products.reduce((sum, { skus }) => sum + skus.length, 0);
    if (isUnderWay(view)) return { checked, offences: [] };
    const offences = products.flatMap(({ id, skus }) =>
      skus
        .filter((sku) => !known.has(sku))
        .map((sku) => ({
          offender: `SKU ${sku}`,
          rule: "is in the catalogue and unknown to the inventory",
          values: `product ${id}`,
        })),
    );
    return { checked, offences };
  },
};

const isUnderWay = (view: View): boolean => {
  const types = ["product.created", "product.updated"] as const;
  const unsent = (view.messaging.get("products")?.outbox ?? []).length > 0;
  const waiting = types.some((event) => (view.bus.consumers.get(consumerName({ service: "inventory", event }))?.count ?? 0) > 0);
  const unsettled = (view.messaging.get("inventory")?.inbox ?? []).some(
    ({ type, status }) => type.startsWith("product.") && status !== "processed",
  );
  return unsent || waiting || unsettled;
};

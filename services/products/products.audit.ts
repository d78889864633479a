import type { Auditor } from "@molecart/mixins/verify/auditor.ts";
import type { OutboxFact } from "@molecart/mixins/verify/facts.ts";
import { toOutboxFacts } from "@molecart/mixins/verify/messaging-facts.ts";
import type { ProductDocument } from "./product.document.ts";

interface ProductFact {
  id: string;
  skus: string[];
  outbox: OutboxFact[];
}

const toFact = ({ _id, variants, outbox }: ProductDocument): ProductFact => ({
  id: _id,
  skus: variants.map(({ sku }) => sku),
  outbox: toOutboxFacts(outbox),
});

/** The service consumes no events: it has no inbox to speak of. */
const audit: Auditor = async (stores) => {
  const { products } = await stores.documents<{ products: ProductFact }>("products", { products: toFact });
  return {
    messaging: { outbox: products.flatMap(({ outbox }) => outbox), inbox: [], jobs: [], outboxIsKept: false, inboxKeepsMs: null },
    catalogue: { products: products.map(({ id, skus }) => ({ id, skus })) },
  };
};

export default audit;

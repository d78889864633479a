import { KEEP_PROCESSED_MS } from "@molecart/mixins/document-store/document-inbox.ts";
import type { Auditor } from "@molecart/mixins/verify/auditor.ts";
import type { InboxFact, OutboxFact } from "@molecart/mixins/verify/facts.ts";
import { toInboxFact, toOutboxFacts } from "@molecart/mixins/verify/messaging-facts.ts";
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

const audit: Auditor = async (stores) => {
  const { products, products_inbox: inbox } = await stores.documents<{ products: ProductFact; products_inbox: InboxFact }>(
    "products",
    { products: toFact, products_inbox: toInboxFact },
  );
  const outbox = products.flatMap((product) => product.outbox);
  return {
    messaging: { outbox, inbox, jobs: [], outboxIsKept: false, inboxKeepsMs: KEEP_PROCESSED_MS },
    catalogue: { products: products.map(({ id, skus }) => ({ id, skus })) },
  };
};

export default audit;

import type { DocumentUp } from "@molecart/mixins/document-store/document-migrations.ts";

/** What was written lately is read page by page: the index on the time alone gives way to one on time and id. */
export const up: DocumentUp = (store) => store.dropIndex("products", ["updatedAt"]);

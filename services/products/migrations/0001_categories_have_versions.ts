import type { DocumentUp } from "@molecart/mixins/document-store/document-migrations.ts";

/** The tree of categories becomes changeable: its document counts its writes, and knows the slugs that categories have given up. */
export const up: DocumentUp = async (store) => {
  await store
    .collection("categories")
    .updateMany({ _id: "tree", version: { $exists: false } }, { $set: { version: 1, aliases: [] } });
};

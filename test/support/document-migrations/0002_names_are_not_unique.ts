import type { DocumentUp } from "@molecart/mixins/document-store/document-migrations.ts";

export const up: DocumentUp = (store) => store.dropIndex("things", ["name"]);

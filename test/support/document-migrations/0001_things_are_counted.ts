import type { DocumentUp } from "@molecart/mixins/document-store/document-migrations.ts";

interface Counted {
  _id: string;
  runs: number;
}

/** Says how often it was run; and fails as long as there is a thing named `obstacle`. */
export const up: DocumentUp = async (store) => {
  const things = store.collection<Counted>("things");
  await things.updateOne({ _id: "counter" }, { $inc: { runs: 1 } });
  await new Promise((resolve) => setTimeout(resolve, 50));
  if ((await things.get("obstacle")) !== undefined) throw new Error("there is an obstacle");
};

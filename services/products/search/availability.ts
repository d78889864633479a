import { type Collection, DuplicateKey } from "@molecart/mixins/document-store/collection.ts";
import type { SkuAvailability } from "./index-entry.ts";

/** What inventory has told of a SKU last. One that is not here was never in stock. */
export interface AvailabilityDocument {
  /** The SKU. */
  _id: string;
  available: boolean;
  version: number;
  /** When it was told. */
  changedAt: string;
}

export type Availabilities = Collection<AvailabilityDocument>;

export const AVAILABILITY_INDEXES = [{ fields: ["changedAt"] }] as const;

export const findAvailability = async (collection: Availabilities, skus: readonly string[]): Promise<SkuAvailability[]> => {
  if (skus.length === 0) return [];
  const found = await collection.find({ query: { _id: { $in: skus } } });
  return found.map(({ _id, available, version }) => ({ sku: _id, available, version }));
};

/** SKUs whose availability was told of at this time or later. */
export const findToldSince = async (collection: Availabilities, time: string): Promise<string[]> =>
  (await collection.find({ query: { changedAt: { $gte: time } } })).map(({ _id }) => _id);

/** Takes over what inventory has told; a message that comes late or again changes nothing. Answers the SKUs that have changed. */
export const setAvailability = async (
  collection: Availabilities,
  items: readonly SkuAvailability[],
  changedAt: string,
): Promise<string[]> => {
  const known = new Map(
    (
      await findAvailability(
        collection,
        items.map(({ sku }) => sku),
      )
    ).map((one) => [one.sku, one]),
  );
  const later = items.filter(({ sku, version, available }) => {
    const before = known.get(sku);
    // Of a SKU that never was in stock there is nothing to remember.
    return before === undefined ? available || version > 0 : version > before.version;
  });
  const fresh = later.filter(({ sku }) => !known.has(sku));
  try {
    await collection.insertMany(fresh.map((one) => toDocument(one, changedAt)));
  } catch (error) {
    // Some are there by now: by another broker, or by this very statement.
    if (!(error instanceof DuplicateKey)) throw error;
    for (const one of fresh) await insertOrSet(collection, one, changedAt);
  }
  for (const one of later) if (known.has(one.sku)) await setIfLater(collection, one, changedAt);
  return later.map(({ sku }) => sku);
};

const toDocument = ({ sku, available, version }: SkuAvailability, changedAt: string): AvailabilityDocument => ({
  _id: sku,
  available,
  version,
  changedAt,
});

const setIfLater = (collection: Availabilities, { sku, available, version }: SkuAvailability, changedAt: string) =>
  collection.updateOne({ _id: sku, version: { $lt: version } }, { $set: { available, version, changedAt } });

const insertOrSet = async (collection: Availabilities, one: SkuAvailability, changedAt: string): Promise<void> => {
  try {
    await collection.insert(toDocument(one, changedAt));
  } catch (error) {
    if (!(error instanceof DuplicateKey)) throw error;
    await setIfLater(collection, one, changedAt);
  }
};

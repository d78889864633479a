import { afterAll, afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Collection, DocumentStore } from "@molecart/mixins/document-store/collection.ts";
import { openNedb } from "@molecart/mixins/document-store/open-nedb.ts";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { claimLease, type Lease, type LeaseDocument } from "../../services/products/search/lease.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

let store: DocumentStore;
let leases: Collection<LeaseDocument>;
const clock = new ManualClock();
const claim = () => claimLease(leases, "rebuild", clock);

beforeEach(async () => {
  const folder = temporaryDataDir();
  store = await openNedb({ file: (name) => `${folder}/${name}.nedb`, collections: { search: [] }, log: { warn: () => {} } });
  leases = store.collection<LeaseDocument>("search");
});
afterEach(() => store.close());
afterAll(() => removeDataDirs());

describe("Work at the shared index", () => {
  test("is one broker's at a time", async () => {
    const claims = await Promise.all(Array.from({ length: 10 }, claim));
    expect(claims.filter((lease) => lease !== undefined)).toHaveLength(1);
    expect(await claim()).toBeUndefined();
    await (claims.find((lease) => lease !== undefined) as Lease).end();
    expect(await claim()).toBeDefined();
  });

  test("is kept while it goes on, and taken over from a broker that was killed", async () => {
    const first = (await claim()) as Lease;
    clock.advance(50_000);
    await first.renew();
    clock.advance(50_000);
    expect(await claim()).toBeUndefined();
    clock.advance(10_000);
    const second = (await claim()) as Lease;
    await expect(first.renew()).rejects.toMatchObject({ type: "LEASE_LOST" });
    // Who was taken for dead does not give away what is another's.
    await first.end();
    expect(await claim()).toBeUndefined();
    await second.renew();
  });

  test("that is done rests for everybody", async () => {
    await ((await claim()) as Lease).end(30_000);
    clock.advance(29_999);
    expect(await claim()).toBeUndefined();
    clock.advance(1);
    expect(await claim()).toBeDefined();
  });
});

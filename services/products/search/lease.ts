import { type Collection, DuplicateKey } from "@molecart/mixins/document-store/collection.ts";
import type { Clock } from "@molecart/mixins/lib/clock.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { LeaseLost } from "./search.errors.ts";

/** Work at an index that brokers share, which one of them does at a time. */
export interface LeaseDocument {
  /** `rebuild`, `check` */
  _id: string;
  owner: string;
  /** Milliseconds since the epoch. */
  until: number;
}

/** A broker that was killed gives its work back after this time. */
const LEASE_MS = 60_000;

export interface Lease {
  /** Throws `LeaseLost`. */
  renew(): Promise<void>;
  /** Nobody has it for so long; at once when 0. */
  end(restMs?: number): Promise<void>;
}

/** Undefined while another broker has it. */
export const claimLease = async (leases: Collection<LeaseDocument>, name: string, clock: Clock): Promise<Lease | undefined> => {
  const owner = newId();
  const now = clock.now();
  const claim = { owner, until: now + LEASE_MS };
  const claimed = await leases.updateOne({ _id: name, until: { $lte: now } }, { $set: claim });
  if (claimed === undefined) {
    if ((await leases.get(name)) !== undefined) return undefined;
    try {
      await leases.insert({ _id: name, ...claim });
    } catch (error) {
      if (error instanceof DuplicateKey) return undefined;
      throw error;
    }
  }
  const set = (ms: number) => leases.updateOne({ _id: name, owner }, { $set: { until: clock.now() + ms } });
  return {
    renew: async () => {
      if ((await set(LEASE_MS)) === undefined) throw new LeaseLost(`The ${name} of the search index`);
    },
    end: async (restMs = 0) => {
      await set(restMs);
    },
  };
};

import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MolecartError } from "../lib/errors.ts";

export class StoreInUse extends MolecartError {
  readonly retryable = false;
  constructor(path: string) {
    super(
      "STORE_IN_USE",
      500,
      `${path} is open in another broker. An embedded store belongs to one broker; give the service its served store to run more.`,
      { path },
    );
  }
}

/** Makes this broker the one owner of an embedded store. The lock is SQLite's own file lock, held by an open exclusive
 *  transaction on a file beside the store: the kernel drops it with the process, however the process ends, and readers of
 *  the store itself are not hindered. */
export const lockStore = (path: string): { release(): void } => {
  mkdirSync(dirname(path), { recursive: true });
  const lock = new DatabaseSync(`${path}.lock`);
  try {
    lock.exec("pragma busy_timeout = 0; begin exclusive");
  } catch {
    lock.close();
    throw new StoreInUse(path);
  }
  return {
    release: () => {
      if (lock.isOpen) lock.close();
    },
  };
};

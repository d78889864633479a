import { setTimeout as sleep } from "node:timers/promises";
import { IMPORT_PART_BYTES, type Import } from "@molecart/mixins/contracts/products.ts";
import { UploadOffsetMismatch } from "./api.errors.ts";
import { problemOf } from "./problem.ts";
import type { CallMesh, Upload } from "./route.ts";

/** A products service that is restarted, or whose store is, is there again by then; a client goes on later where it is not. */
const PATIENCE_MS = 30_000;
const RETRY_AFTER_MS = 500;

/** Hands a file to the products service, one piece after the other, each as soon as the one before is stored. What goes wrong on
 *  the way is tried again; the import itself knows how far it has come, and so does nobody else. */
export const uploadImport = async (call: CallMesh, importId: string, { offset, complete, body }: Upload): Promise<Import> => {
  const sender = new Sender(call, importId, await call("v1.products.getImport", { importId }));
  if (sender.isOpen && sender.offset !== offset) throw new UploadOffsetMismatch(sender.offset);
  for await (const chunk of body) {
    sender.add(chunk);
    while (sender.isOpen && sender.waitingBytes >= IMPORT_PART_BYTES) await sender.send(false);
    if (!sender.isOpen) break;
  }
  while (sender.isOpen && (complete || sender.waitingBytes > 0)) if (!(await sender.send(complete))) break;
  return sender.state;
};

class Sender {
  readonly #call: CallMesh;
  readonly #importId: string;
  /** The bytes of the file from `offset` on. */
  #waiting: Buffer = Buffer.alloc(0);
  state: Import;

  constructor(call: CallMesh, importId: string, state: Import) {
    this.#call = call;
    this.#importId = importId;
    this.state = state;
  }

  get isOpen(): boolean {
    return this.state.status === "open";
  }
  get offset(): number {
    return this.state.offset;
  }
  get waitingBytes(): number {
    return this.#waiting.length;
  }

  add(chunk: Buffer): void {
    this.#waiting = Buffer.concat([this.#waiting, chunk]);
  }

  /** Sends the next piece until it is taken. Answers false when nothing was taken, because no product in it is whole yet. */
  async send(complete: boolean): Promise<boolean> {
    const piece = this.#waiting.subarray(0, IMPORT_PART_BYTES);
    const last = complete && piece.length === this.#waiting.length;
    const part = { importId: this.#importId, offset: this.offset, content: piece.toString("base64"), last };
    const { import: state, waitMs } = await this.#sendUntilHeard(part);
    if (waitMs > 0) {
      await sleep(waitMs);
      return true;
    }
    const taken = state.offset - this.offset;
    // Somebody else sends the same file, from another place of it.
    if (state.status === "open" && (taken < 0 || taken > this.#waiting.length)) throw new UploadOffsetMismatch(state.offset);
    this.#waiting = this.#waiting.subarray(Math.max(0, taken));
    this.state = state;
    return taken > 0 || !this.isOpen;
  }

  async #sendUntilHeard(part: { importId: string; offset: number; content: string; last: boolean }) {
    const giveUpAt = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await this.#call("v1.products.takeImportPart", part);
      } catch (error) {
        const { status } = problemOf(error, "").problem;
        // A repeat has no second effect: the piece is taken where the import has come to its offset, and nowhere else.
        if ((status !== 503 && status !== 504) || performance.now() > giveUpAt) throw error;
        await sleep(RETRY_AFTER_MS);
      }
    }
  }
}

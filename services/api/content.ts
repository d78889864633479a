import { type Coding, compress, isWorthCompressing } from "./compression.zlib.ts";
import { entityTag } from "./entity-tag.ts";

/** What is sent many times: its bytes, their tag, and their compressed forms, each of which is made once, at the first need. */
export class Content {
  readonly body: Buffer;
  readonly etag: string;
  readonly #codings = new Map<Coding, Promise<Buffer>>();
  readonly #done = new Map<Coding, Buffer>();

  constructor(text: string) {
    this.body = Buffer.from(text);
    this.etag = entityTag(text);
  }

  /** The body in this coding, where it was made already; undefined where it has to be made. */
  ready(coding: Coding | undefined): Buffer | undefined {
    if (coding === undefined) return this.body;
    return this.#done.get(coding);
  }

  /** Compressed once, for whoever asks. */
  in(coding: Coding): Promise<Buffer> {
    let made = this.#codings.get(coding);
    if (made === undefined) {
      made = compress(this.body, coding).then((buffer) => {
        this.#done.set(coding, buffer);
        return buffer;
      });
      this.#codings.set(coding, made);
    }
    return made;
  }

  get isWorthCompressing(): boolean {
    return isWorthCompressing(this.body.length);
  }
}

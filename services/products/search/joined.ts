/** Work on some of many things, one batch at a time: what is asked for while a batch is under way is done together by the next
 *  one, which begins after it was asked for. */
export class Joined {
  readonly #work: (ids: readonly string[]) => Promise<void>;
  #last: Promise<unknown> = Promise.resolve();
  #next: { ids: Set<string>; done: Promise<void> } | undefined;

  constructor(work: (ids: readonly string[]) => Promise<void>) {
    this.#work = work;
  }

  /** Resolves, or rejects, with the batch. */
  run(ids: readonly string[]): Promise<void> {
    if (this.#next === undefined) {
      const batch = new Set<string>();
      const done = this.#last.then(() => {
        this.#next = undefined;
        return this.#work([...batch]);
      });
      this.#last = done.catch(() => {});
      this.#next = { ids: batch, done };
    }
    for (const id of ids) this.#next.ids.add(id);
    return this.#next.done;
  }
}

/** The first `limit` of many in an order, without sorting the others. */
export class Best {
  readonly rows: number[] = [];
  readonly #limit: number;
  readonly #compare: (a: number, b: number) => number;

  constructor(limit: number, compare: (a: number, b: number) => number) {
    this.#limit = limit;
    this.#compare = compare;
  }

  offer(row: number): void {
    const { rows } = this;
    if (rows.length === this.#limit && this.#compare(row, rows[rows.length - 1] as number) >= 0) return;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(row, rows[middle] as number) < 0) high = middle;
      else low = middle + 1;
    }
    rows.splice(low, 0, row);
    if (rows.length > this.#limit) rows.pop();
  }
}

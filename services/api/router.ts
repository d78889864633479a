/** What the framework makes of a route: it knows its method, its pattern and how to match it. */
export interface Pattern {
  method: string;
  /** `/api/v1/products/:id` */
  fullPath: string;
  /** The path's values, or false. Throws where an escape is wrong. */
  match(path: string): Record<string, string> | false;
}

export interface Found<A> {
  alias: A;
  params: Record<string, string>;
}

/** Finds a pattern by method and path: paths without values by a look-up, the others among those of the method. */
export class Router<A extends Pattern> {
  readonly #fixed = new Map<string, Map<string, A>>();
  readonly #open = new Map<string, A[]>();

  constructor(patterns: readonly A[]) {
    for (const pattern of patterns) {
      const { method, fullPath } = pattern;
      if (fullPath.includes(":")) this.#open.set(method, [...(this.#open.get(method) ?? []), pattern]);
      else this.#fixed.set(method, (this.#fixed.get(method) ?? new Map()).set(fullPath, pattern));
    }
  }

  /** HEAD is served by GET (RFC 9110, 9.3.2). */
  find(method: string, path: string): Found<A> | undefined {
    const served = method === "HEAD" ? "GET" : method;
    const fixed = this.#fixed.get(served)?.get(path);
    if (fixed !== undefined) return { alias: fixed, params: {} };
    for (const alias of this.#open.get(served) ?? []) {
      const params = alias.match(path);
      if (params !== false) return { alias, params };
    }
    return undefined;
  }

  /** The value of an Allow header; empty where nothing is at this path. */
  allowed(path: string): string {
    const methods = [...new Set([...this.#fixed.keys(), ...this.#open.keys()])].filter((method) => this.find(method, path));
    if (methods.length === 0) return "";
    return [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"].sort().join(", ");
  }
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { aggregate } from "./aggregations.ts";
import {
  BadRequest,
  fieldOf,
  type Json,
  type Mapping,
  matching,
  only,
  type Scope,
  type StoredDocument,
  scoreOf,
} from "./query.ts";

export interface Recorded {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: IncomingMessage["headers"];
  body: unknown;
}

interface Index {
  mapping: Mapping;
  aliases: Set<string>;
  documents: Map<string, StoredDocument>;
}

/** What is answered instead; undefined: as usual. */
export type Disturbance = (request: Recorded) => { status: number; body?: unknown } | "silence" | "hang up" | undefined;
/** What becomes of one item of a bulk request instead. */
export type ItemFate = (item: { id: string; index: string }) => { status: number; type: string } | undefined;

/** Listens where an Elasticsearch would, remembers every request, and does what the REST specification says of it, for the
 *  part that the shop uses. What it does not know, it refuses, as the real one does. */
export class ElasticsearchReceiver {
  readonly requests: Recorded[] = [];
  readonly indices = new Map<string, Index>();
  readonly templates = new Map<string, Json>();
  disturb: Disturbance = () => undefined;
  fateOf: ItemFate = () => undefined;
  /** The header by which the client knows that it talks to Elasticsearch. */
  product: string | undefined = "Elasticsearch";
  readonly #server: Server;
  #port = 0;

  constructor() {
    this.#server = createServer((req, res) => void this.#receive(req, res));
  }

  /** On the same port as before, if there was one. */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The documents that are reached by an index's name or alias. */
  documents(name: string): Map<string, StoredDocument> {
    return this.#resolve(name).documents;
  }
  indexBehind(alias: string): string | undefined {
    return [...this.indices].find(([, { aliases }]) => aliases.has(alias))?.[0];
  }
  reset(): void {
    this.indices.clear();
    this.templates.clear();
    this.requests.length = 0;
    this.disturb = () => undefined;
    this.fateOf = () => undefined;
    this.product = "Elasticsearch";
  }

  async #receive(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const url = new URL(req.url ?? "/", this.url);
    const recorded: Recorded = {
      method: req.method ?? "",
      path: decodeURIComponent(url.pathname),
      query: Object.fromEntries(url.searchParams),
      headers: req.headers,
      body: text === "" ? undefined : parse(text),
    };
    this.requests.push(recorded);
    const disturbance = this.disturb(recorded);
    if (disturbance === "silence") return;
    if (disturbance === "hang up") {
      req.socket.destroy();
      return;
    }
    const { status, body } = disturbance ?? this.#answer(recorded);
    res.writeHead(status, {
      "content-type": "application/vnd.elasticsearch+json;compatible-with=8",
      ...(this.product !== undefined && { "x-elastic-product": this.product }),
    });
    res.end(JSON.stringify(body ?? {}));
  }

  #answer(request: Recorded): { status: number; body: unknown } {
    try {
      return { status: 200, body: this.#route(request) };
    } catch (error) {
      const [status, type] =
        error instanceof NotFound ? [404, "index_not_found_exception"] : [400, (error as BadRequest).type ?? "failure"];
      return { status, body: { error: { type, reason: (error as Error).message, root_cause: [] }, status } };
    }
  }

  #route({ method, path, query, body }: Recorded): unknown {
    const [first = "", second = ""] = path.split("/").slice(1);
    const known = (allowed: readonly string[]) => only(query, allowed, "parameters");
    if (method === "PUT" && first === "_index_template") {
      known([]);
      this.templates.set(second, only(body, ["index_patterns", "priority", "version", "template"], "template"));
      return { acknowledged: true };
    }
    if (method === "GET" && first === "_alias") {
      known([]);
      if (this.indexBehind(second) === undefined) throw new NotFound(`alias [${second}] missing`);
      return {};
    }
    if (method === "GET" && second === "_alias") return this.#aliases(first);
    if (method === "POST" && first === "_aliases")
      return this.#updateAliases(only(body, ["actions"], "aliases").actions as Json[]);
    if (method === "PUT" && second === "") return this.#create(first, only(body, ["aliases"], "create").aliases as Json);
    if (method === "DELETE" && second === "") {
      known(["ignore_unavailable"]);
      if (!this.indices.delete(first) && query.ignore_unavailable !== "true") throw new NotFound(`no such index [${first}]`);
      return { acknowledged: true };
    }
    if ((method === "POST" || method === "GET") && second === "_refresh") {
      this.#resolve(first);
      return { _shards: { total: 1, successful: 1, failed: 0 } };
    }
    if (method === "POST" && second === "_bulk") {
      known(["require_alias"]);
      return this.#bulk(first, body as Json[], query.require_alias === "true");
    }
    if (method === "POST" && second === "_search") return this.#search(this.#resolve(first), body as Json);
    throw new BadRequest("illegal_argument_exception", `no handler found for ${method} ${path}`);
  }

  #resolve(name: string): Index {
    const index = this.indices.get(name) ?? this.indices.get(this.indexBehind(name) ?? "");
    if (index === undefined) throw new NotFound(`no such index [${name}]`);
    return index;
  }

  #aliases(pattern: string): Json {
    const start = pattern.replace(/\*$/, "");
    return Object.fromEntries(
      [...this.indices]
        .filter(([name]) => name.startsWith(start))
        .map(([name, { aliases }]) => [name, { aliases: Object.fromEntries([...aliases].map((alias) => [alias, {}])) }]),
    );
  }

  #create(name: string, aliases: Json = {}): Json {
    if (this.indices.has(name)) throw new BadRequest("resource_already_exists_exception", `index [${name}] already exists`);
    if (name !== name.toLowerCase()) throw new BadRequest("invalid_index_name_exception", "must be lowercase");
    const template = [...this.templates.values()].find(({ index_patterns }) =>
      (index_patterns as string[]).some((pattern) => name.startsWith(pattern.replace(/\*$/, ""))),
    );
    const { mappings } = (template?.template ?? {}) as { mappings?: { properties?: Mapping } };
    this.indices.set(name, { mapping: mappings?.properties ?? {}, aliases: new Set(Object.keys(aliases)), documents: new Map() });
    return { acknowledged: true, shards_acknowledged: true, index: name };
  }

  /** All of them or none. */
  #updateAliases(actions: readonly Json[]): Json {
    for (const action of actions) {
      const [kind, body] = Object.entries(action)[0] as [string, Json];
      only(body, kind === "add" ? ["index", "alias", "is_write_index"] : ["index", "alias"], kind);
      const index = this.indices.get(String(body.index));
      if (index === undefined) throw new NotFound(`no such index [${body.index}]`);
      if (kind === "remove" && !index.aliases.has(String(body.alias))) throw new NotFound(`aliases [${body.alias}] missing`);
    }
    for (const action of actions) {
      const [kind, body] = Object.entries(action)[0] as [string, Json];
      const { aliases } = this.indices.get(String(body.index)) as Index;
      if (kind === "add") aliases.add(String(body.alias));
      else aliases.delete(String(body.alias));
    }
    return { acknowledged: true, errors: false };
  }

  #bulk(target: string, lines: readonly Json[], requireAlias: boolean): Json {
    const items: Json[] = [];
    for (let at = 0; at < lines.length; at++) {
      const [action, head] = Object.entries(lines[at] as Json)[0] as [string, Json];
      const source = action === "index" ? (lines[++at] as Json) : undefined;
      items.push({ [action]: this.#item(target, action, head, source, requireAlias) });
    }
    return { took: 1, errors: items.some((item) => (Object.values(item)[0] as Json).error !== undefined), items };
  }

  #item(target: string, action: string, head: Json, source: Json | undefined, requireAlias: boolean): Json {
    only(head, action === "index" ? ["_id", "version", "version_type"] : ["_id"], action);
    const id = String(head._id);
    const failed = (status: number, type: string, reason = type) => ({
      _index: target,
      _id: id,
      status,
      error: { type, reason },
    });
    const fate = this.fateOf({ id, index: target });
    if (fate !== undefined) return failed(fate.status, fate.type);
    const name = this.indexBehind(target);
    if (requireAlias && name === undefined)
      return failed(404, "index_not_found_exception", `[require_alias] is [true] and [${target}] is not an alias`);
    const index = this.#resolve(target);
    const known = index.documents.get(id);
    if (action === "delete") {
      index.documents.delete(id);
      return {
        _index: target,
        _id: id,
        status: known === undefined ? 404 : 200,
        result: known === undefined ? "not_found" : "deleted",
      };
    }
    if (head.version_type !== "external_gte" || !Number.isSafeInteger(head.version))
      return failed(400, "illegal_argument_exception");
    if (known !== undefined && known.version > (head.version as number)) return failed(409, "version_conflict_engine_exception");
    for (const field of Object.keys(source as Json)) {
      try {
        fieldOf(index.mapping, field);
      } catch {
        return failed(400, "strict_dynamic_mapping_exception", `[${field}] is not allowed`);
      }
    }
    index.documents.set(id, { id, version: head.version as number, source: structuredClone(source as Json) });
    return { _index: target, _id: id, _version: head.version, status: known === undefined ? 201 : 200, result: "created" };
  }

  #search({ mapping, documents }: Index, body: Json): Json {
    const { query, post_filter, sort, size, search_after, aggs, version, track_total_hits } = only(
      body,
      ["query", "post_filter", "sort", "size", "search_after", "aggs", "version", "_source", "track_total_hits"],
      "search",
    );
    const scopes = [...documents.values()].map((document) => ({ mapping, source: document.source, document }));
    const found = matching(query, scopes) as (Scope & { document: StoredDocument })[];
    const kept = post_filter === undefined ? found : (matching(post_filter, found) as typeof found);
    const orders = (sort as Json[]).map((one) => {
      const [field, options] = Object.entries(one)[0] as [string, Json];
      if (field !== "_score" && !["keyword", "long", "short", "date"].includes(fieldOf(mapping, field).type))
        throw new BadRequest("illegal_argument_exception", `Fielddata is disabled on [${field}]`);
      return { field, descending: only(options, ["order"], "sort").order === "desc" };
    });
    const placed = kept.map((scope) => ({
      scope,
      values: orders.map(({ field }) => (field === "_score" ? scoreOf(query, scope) : scope.source[field]) as string | number),
    }));
    const compare = (a: readonly (string | number)[], b: readonly (string | number)[]): number => {
      for (const [i, { descending }] of orders.entries())
        if (a[i] !== b[i]) return (a[i] as string) < (b[i] as string) === descending ? 1 : -1;
      return 0;
    };
    placed.sort((a, b) => compare(a.values, b.values));
    const after = search_after as (string | number)[] | undefined;
    if (after !== undefined && after.length !== orders.length)
      throw new BadRequest("illegal_argument_exception", "search_after has another number of values than sort");
    const page = placed.filter(({ values }) => after === undefined || compare(values, after) > 0).slice(0, size as number);
    return {
      took: 1,
      timed_out: false,
      _shards: { total: 1, successful: 1, skipped: 0, failed: 0 },
      hits: {
        ...(track_total_hits === true && { total: { value: kept.length, relation: "eq" } }),
        hits: page.map(({ scope, values }) => ({
          _index: "i",
          _id: scope.document.id,
          ...(version === true && { _version: scope.document.version }),
          sort: values,
        })),
      },
      ...(aggs !== undefined && { aggregations: aggregate(aggs, found, mapping) }),
    };
  }
}

class NotFound extends Error {}

/** JSON, or one JSON for each line. */
const parse = (text: string): unknown => {
  const lines = text.split("\n").filter(Boolean);
  if (!text.endsWith("\n")) return JSON.parse(text);
  return lines.map((line) => JSON.parse(line) as unknown);
};

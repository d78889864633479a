/** A JSON Schema as it stands in a document. */
export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  allOf?: JsonSchema[];
  additionalProperties?: boolean | JsonSchema;
  description?: string;
  [keyword: string]: unknown;
}

const PREFIX = "#/components/schemas/";
export const refTo = (name: string): JsonSchema => ({ $ref: PREFIX + name });
/** `#/components/schemas/Order` -> `Order` */
export const nameOf = (ref: string): string => ref.slice(PREFIX.length);

/** `["orders", "by-id"]` -> `OrdersById` */
export const pascal = (words: readonly string[]): string =>
  words
    .flatMap((word) => word.split(/[^A-Za-z0-9]+/))
    .filter((word) => word !== "")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");

/** Worth a name of its own: what has properties, or a list of values. A piece of text is told where it stands. */
const isNameable = (value: unknown): value is JsonSchema => {
  const { type, properties, enum: values, $defs } = (value ?? {}) as JsonSchema;
  if (Array.isArray(values) || typeof $defs === "object") return true;
  return type === "object" && typeof properties === "object" && Object.keys(properties).length > 0;
};

type Modules = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The schemas of a document: each is told once, under the name that its module exports it by, and referred to elsewhere. Schemas
 *  are the same when their text is: a contract may have built one anew from the other's parts. */
export class SchemaBook {
  readonly #names = new Map<string, string>();
  readonly #components = new Map<string, JsonSchema>();
  readonly #descriptions: Readonly<Record<string, string>>;

  constructor(modules: Modules, descriptions: Readonly<Record<string, string>> = {}) {
    this.#descriptions = descriptions;
    const taken = new Set<string>();
    for (const [module, exported] of Object.entries(modules))
      for (const [name, value] of Object.entries(exported)) {
        if (!/^[A-Z]/.test(name) || !isNameable(value) || this.#names.has(JSON.stringify(value))) continue;
        const free = taken.has(name) ? pascal([module, name]) : name;
        taken.add(free);
        this.#names.set(JSON.stringify(value), free);
      }
  }

  /** Names a schema that no module exports, unless it has a name. */
  name(schema: unknown, name: string): void {
    const text = JSON.stringify(schema);
    if (isNameable(schema) && !this.#names.has(text) && ![...this.#names.values()].includes(name)) this.#names.set(text, name);
  }

  nameOf(schema: unknown): string | undefined {
    return this.#names.get(JSON.stringify(schema));
  }

  /** The schema, or a reference to where it is told. */
  refer(schema: unknown): JsonSchema {
    const name = this.nameOf(schema);
    if (name === undefined) return this.#translate(schema as JsonSchema);
    if (!this.#components.has(name)) {
      // Its place is taken before its parts are looked at: one of them may be about itself.
      this.#components.set(name, {});
      const description = this.#descriptions[name];
      this.#components.set(name, { ...(description && { description }), ...this.#translate(schema as JsonSchema) });
    }
    return refTo(name);
  }

  /** What has been referred to so far, by name. */
  components(): Record<string, JsonSchema> {
    return Object.fromEntries([...this.#components].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Follows references. */
  resolve(schema: JsonSchema): JsonSchema {
    return schema.$ref === undefined ? schema : this.resolve(this.#components.get(nameOf(schema.$ref)) as JsonSchema);
  }

  #translate(schema: JsonSchema): JsonSchema {
    const { $defs, $ref, $id: _, patternProperties, ...rest } = schema;
    if ($defs !== undefined) return this.#translateCyclic($defs as Record<string, JsonSchema>, $ref as string);
    if ($ref !== undefined) return refTo($ref);
    const translated: JsonSchema = { ...rest };
    if (rest.properties) translated.properties = this.#each(rest.properties);
    if (rest.items) translated.items = this.refer(rest.items);
    if (rest.anyOf) translated.anyOf = rest.anyOf.map((one) => this.refer(one));
    if (rest.allOf) translated.allOf = rest.allOf.map((one) => this.refer(one));
    if (rest.enum?.every((value) => typeof value === "string")) translated.type = "string";
    // Any name: the plainer keyword says the same.
    const any = (patternProperties as Record<string, JsonSchema> | undefined)?.["^.*$"];
    if (any !== undefined) translated.additionalProperties = Object.keys(any).length === 0 ? true : this.refer(any);
    else if (patternProperties) translated.patternProperties = this.#each(patternProperties as Record<string, JsonSchema>);
    return translated;
  }

  #each(schemas: Record<string, JsonSchema>): Record<string, JsonSchema> {
    return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, this.refer(schema)]));
  }

  /** The definitions refer to each other by their bare names. */
  #translateCyclic($defs: Record<string, JsonSchema>, entry: string): JsonSchema {
    const inner = Object.entries($defs).filter(([name]) => name !== entry);
    for (const [name, definition] of inner) this.#components.set(name, this.#translate(definition));
    return this.#translate($defs[entry] as JsonSchema);
  }
}

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { ActionName, ActionParams, ActionResult, EventName } from "@molecart/mixins/contracts/index.ts";
import { type NewProduct, Product, type SearchParams } from "@molecart/mixins/contracts/products.ts";
import type { DocumentStoreProps } from "@molecart/mixins/document-store.mixin.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { Envelope } from "@molecart/mixins/messaging/envelope.ts";
import { AjvValidator } from "@molecart/mixins/middlewares/ajv-validator.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import type { Service, ServiceBroker } from "moleculer";
import { CategoryTree } from "../../services/products/category.ts";
import { demoCategories, demoProducts } from "../../services/products/demo/index.ts";
import { seedDemo } from "../../services/products/demo.operations.ts";
import type { ProductDocument } from "../../services/products/product.document.ts";
import { writeOf } from "../../services/products/product.operations.ts";
import { findProduct, setProduct } from "../../services/products/product.repository.ts";
import { changedProduct } from "../../services/products/product.ts";
import { productsConfig } from "../../services/products/products.config.ts";
import { catalogueFile } from "../support/catalogue-file.ts";
import { documentStores } from "../support/document-stores.ts";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { startNats } from "../support/servers/nats.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

jest.setTimeout(60_000);

type ProductsService = Service & DocumentStoreProps<ProductDocument>;

const price = (amount: number, currency = "EUR") => ({ amount, currency });
const variant = (sku: string, amount = 1_000, attributes: Record<string, string> = {}) => ({
  sku,
  attributes,
  price: price(amount),
});
const request = (sku: string, more: Partial<NewProduct> = {}): NewProduct => ({
  name: `Lamp ${sku}`,
  brand: "Norr",
  category: "table-lamps",
  description: "Gives light.",
  variants: [variant(sku)],
  ...more,
});
const isProduct = new AjvValidator().compile(Product as never) as (value: unknown) => unknown;

afterAll(() => removeDataDirs());

const refusalOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => "no refusal",
    ({ type, code }) => ({ type, code }),
  );
const call = <N extends ActionName>(broker: ServiceBroker, name: N, params: ActionParams<N>): Promise<ActionResult<N>> =>
  broker.call(name, params as object) as never;
const serviceOf = (broker: ServiceBroker) => broker.getLocalService("v1.products") as unknown as ProductsService;

for (const { store, servers, settings } of documentStores) {
  describeWith(servers, `The catalogue on ${store}`, () => {
    let env: Record<string, string>;
    let broker: ServiceBroker;
    let events: Envelope[];

    const start = async (): Promise<void> => {
      broker = await createBroker(["products"], { env });
      await broker.start();
      for (const event of ["product.created", "product.updated", "product.deleted"] as EventName[]) {
        await runtimeOf(broker).bus.subscribe({
          service: "test",
          event,
          concurrency: 16,
          async onDelivery({ message, ack }) {
            if (!events.some(({ id }) => id === message.id)) events.push(message as Envelope);
            ack();
          },
        });
      }
    };
    const restart = async (): Promise<void> => {
      await broker.stop();
      await start();
    };
    const create = (sku: string, more?: Partial<NewProduct>) => call(broker, "v1.products.create", request(sku, more));
    const search = (params: Partial<SearchParams> = {}) => call(broker, "v1.products.search", { limit: 20, ...params });
    const found = async (params: Partial<SearchParams> = {}) => (await search(params)).items.map(({ id }) => id);
    const get = (productId: string, includeUnpublished = false) =>
      call(broker, "v1.products.get", { productId, includeUnpublished });
    const told = (productId: string) =>
      events.filter(({ aggregateId }) => aggregateId === productId).toSorted((a, b) => (a.id < b.id ? -1 : 1));

    beforeEach(async () => {
      env = { DATA_DIR: temporaryDataDir(), LOG_LEVEL: "fatal", ...settings("products") };
      events = [];
      await start();
    });
    afterEach(() => broker.stop());

    test("shows a new product at once: by id, in the search, as an item, and tells the world", async () => {
      const product = await create("L-1", { variants: [variant("L-1", 2_000), variant("L-2", 1_500)] });
      expect(product).toMatchObject({ slug: "lamp-l-1", price: price(1_500), status: "published", version: 1, images: [] });
      expect(await get(product.id)).toEqual(product);
      expect((await search({ q: "lamp" })).items).toEqual([product]);
      expect(await call(broker, "v1.products.items", { skus: ["L-2", "L-9"] })).toEqual({
        items: [{ sku: "L-2", productId: product.id, name: "Lamp L-1", unitPrice: price(1_500), sellable: true }],
      });
      await eventually(() =>
        expect(told(product.id)).toMatchObject([{ type: "product.created", aggregateId: product.id, data: { product } }]),
      );
    });

    test("answers exactly what the contract says, also while an event is in the document", async () => {
      const { bus } = runtimeOf(broker);
      const publish = bus.publish.bind(bus);
      const gate = Promise.withResolvers<void>();
      bus.publish = (envelopes) => gate.promise.then(() => publish(envelopes));
      const product = await create("L-1", { taxClass: "books" });
      expect((await serviceOf(broker).documents.get(product.id))?.outbox).toHaveLength(1);
      const answers = [
        product,
        await get(product.id),
        ...(await search()).items,
        await call(broker, "v1.products.update", { productId: product.id, change: { name: "Lamp" } }),
      ];
      for (const answer of answers) {
        expect(Object.keys(answer).toSorted()).toEqual(Object.keys(Product.properties).toSorted());
        expect(isProduct(structuredClone(answer))).toBe(true);
      }
      gate.resolve();
    });

    test("refuses a product that breaks a rule, and keeps nothing of it", async () => {
      await create("L-1", { slug: "lamp", variants: [variant("L-1"), variant("L-2")] });
      const attempts: [string, number, Promise<unknown>][] = [
        ["SLUG_TAKEN", 409, create("L-3", { slug: "lamp" })],
        ["SKU_TAKEN", 409, create("L-3", { variants: [variant("L-3"), variant("L-2")] })],
        ["SKU_TAKEN", 409, create("L-3", { variants: [variant("L-3"), variant("L-3")] })],
        ["CATEGORY_NOT_FOUND", 422, create("L-3", { category: "no-such" })],
        ["MIXED_CURRENCIES", 422, create("L-3", { variants: [{ ...variant("L-3"), price: price(1, "USD") }] })],
        ["VALIDATION_ERROR", 422, create("L-3", { variants: [variant("L-3", -1)] })],
      ];
      for (const [type, code, attempt] of attempts) expect(await refusalOf(attempt)).toEqual({ type, code });
      expect((await search()).total).toBe(1);
      await create("L-3", { slug: "lamp-3" });
    });

    test("gives products of one name slugs of their own", async () => {
      const [first, second] = [await create("L-1", { name: "Lamp" }), await create("L-2", { name: "Lamp" })];
      expect(first.slug).toBe("lamp");
      expect(second.slug).toMatch(/^lamp-[a-z0-9]{8}$/);
    });

    test("takes attributes of any name", async () => {
      const attributes = JSON.parse('{"size.eu":"42","$size":"8","__proto__":"x"}') as Record<string, string>;
      const { id } = await create("L-1", { variants: [variant("L-1", 1, attributes)] });
      const { variants } = await get(id);
      expect(JSON.stringify(variants[0]?.attributes)).toBe('{"size.eu":"42","$size":"8","__proto__":"x"}');
      await restart();
      expect((await get(id)).variants).toEqual(variants);
      await eventually(() => expect(told(id)).toHaveLength(1));
    });

    describe("A change", () => {
      test("is seen at once by everyone who asks, and told", async () => {
        const { id } = await create("L-1");
        await get(id);
        const changed = await call(broker, "v1.products.update", {
          productId: id,
          change: { name: "Torch", variants: [variant("T-1", 99)] },
        });
        expect(changed).toMatchObject({ name: "Torch", price: price(99), version: 2 });
        expect(await get(id)).toEqual(changed);
        expect([await found({ q: "torch" }), await found({ q: "lamp", brand: ["none"] })]).toEqual([[id], []]);
        expect((await call(broker, "v1.products.items", { skus: ["L-1", "T-1"] })).items.map(({ sku }) => sku)).toEqual(["T-1"]);
        await eventually(() => expect(told(id).map(({ type }) => type)).toEqual(["product.created", "product.updated"]));
        // What it has given up is free for others.
        await create("L-1");
      });

      test("of an expected version is made once", async () => {
        const { id } = await create("L-1");
        const outcomes = await Promise.all(
          Array.from({ length: 10 }, (_, i) =>
            refusalOf(call(broker, "v1.products.update", { productId: id, change: { name: `Lamp ${i}` }, expectedVersion: 1 })),
          ),
        );
        expect(outcomes.filter((outcome) => outcome === "no refusal")).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome !== "no refusal")).toEqual(
          Array(9).fill({ type: "VERSION_CONFLICT", code: 412 }),
        );
        expect((await get(id)).version).toBe(2);
      });

      test("does not undo another that is made at the same time", async () => {
        const { id } = await create("L-1");
        const change = (part: Partial<NewProduct>) => call(broker, "v1.products.update", { productId: id, change: part });
        await Promise.all([change({ name: "Torch" }), change({ brand: "Other" }), change({ description: "Bright." })]);
        expect(await get(id)).toMatchObject({ name: "Torch", brand: "Other", description: "Bright.", version: 4 });
        await eventually(() => expect(told(id)).toHaveLength(4));
      });

      test("is refused when it breaks a rule", async () => {
        const { id } = await create("L-1");
        await create("L-2", { slug: "other" });
        const change = (part: Partial<NewProduct>, productId = id) =>
          refusalOf(call(broker, "v1.products.update", { productId, change: part }));
        expect(await change({ slug: "other" })).toEqual({ type: "SLUG_TAKEN", code: 409 });
        expect(await change({ variants: [variant("L-2")] })).toEqual({ type: "SKU_TAKEN", code: 409 });
        expect(await change({ category: "no-such" })).toEqual({ type: "CATEGORY_NOT_FOUND", code: 422 });
        expect(await change({ name: "x" }, "no-such")).toEqual({ type: "PRODUCT_NOT_FOUND", code: 404 });
        expect((await get(id)).version).toBe(1);
      });
    });

    test("hides a draft from customers and shows it to staff", async () => {
      const { id } = await create("L-1", { status: "draft" });
      expect(await found()).toEqual([]);
      expect(await refusalOf(get(id))).toEqual({ type: "PRODUCT_NOT_FOUND", code: 404 });
      expect((await get(id, true)).status).toBe("draft");
      expect((await call(broker, "v1.products.items", { skus: ["L-1"] })).items).toMatchObject([{ sellable: false }]);
      await call(broker, "v1.products.update", { productId: id, change: { status: "published" } });
      expect(await found()).toEqual([id]);
    });

    test("archives a removed product, says so once, and keeps it for its orders", async () => {
      const { id } = await create("L-1");
      for (let i = 0; i < 2; i++) expect(await call(broker, "v1.products.remove", { productId: id })).toBeNull();
      expect(await found()).toEqual([]);
      expect(await get(id, true)).toMatchObject({ status: "archived", version: 2 });
      expect((await call(broker, "v1.products.items", { skus: ["L-1"] })).items).toMatchObject([{ sellable: false }]);
      await eventually(() =>
        expect(told(id).at(-1)).toMatchObject({ type: "product.deleted", data: { productId: id, skus: ["L-1"] } }),
      );
      expect(told(id)).toHaveLength(2);
      expect(await refusalOf(call(broker, "v1.products.remove", { productId: "no-such" }))).toEqual({
        type: "PRODUCT_NOT_FOUND",
        code: 404,
      });
    });

    test("has the same catalogue, search and categories after a restart", async () => {
      const product = await create("L-1");
      await create("L-2", { status: "draft" });
      await restart();
      expect((await search({ q: "lamp" })).items).toEqual([product]);
      expect(await refusalOf(create("L-1", { slug: "free" }))).toEqual({ type: "SKU_TAKEN", code: 409 });
      const { items } = await call(broker, "v1.products.categories", {});
      expect(items).toEqual(demoCategories);
    });

    describe("The demo shop", () => {
      const seed = () => call(broker, "v1.products.seedDemo", {});

      test("is there after one call, can be found, and every product is told of", async () => {
        const { created, stock } = await seed();
        expect([created, stock.length]).toEqual([demoProducts.length, demoProducts.flatMap(({ stock }) => stock).length]);
        expect((await search()).total).toBe(demoProducts.length);
        expect(await seed()).toEqual({ created: 0, stock });
        await eventually(() => expect(new Set(events.map(({ aggregateId }) => aggregateId)).size).toBe(demoProducts.length));
        expect(events).toHaveLength(demoProducts.length);
      });

      test("is completed when a kill has left a part of it", async () => {
        const service = serviceOf(broker);
        const desk = { ...service, categories: new CategoryTree([]), config: productsConfig(env) };
        await seedDemo(desk as never, demoProducts.slice(0, 100));
        await restart();
        expect((await seed()).created).toBe(demoProducts.length - 100);
        expect((await search()).total).toBe(demoProducts.length);
      });

      test("leaves alone what staff have made of it", async () => {
        const [
          {
            id,
            product: {
              variants: [{ sku }],
            },
          },
          removed,
        ] = demoProducts as never as [{ id: string; product: { variants: [{ sku: string }] } }, { id: string }];
        const own = await create(sku);
        expect((await seed()).created).toBe(demoProducts.length - 1);
        await call(broker, "v1.products.remove", { productId: removed.id });
        expect((await seed()).created).toBe(0);
        expect(await refusalOf(get(id))).toEqual({ type: "PRODUCT_NOT_FOUND", code: 404 });
        expect(await refusalOf(get(removed.id))).toEqual({ type: "PRODUCT_NOT_FOUND", code: 404 });
        expect(await get(own.id)).toEqual(own);
      });

      test("is searched by text, category with all below it, brand and price, page by page", async () => {
        await seed();
        const all = await search({ category: "audio", limit: 100 });
        const below = new CategoryTree(demoCategories).withDescendants("audio");
        expect(all.total).toBe(demoProducts.filter(({ product }) => below.includes(product.category)).length);
        expect(all.facets.category.find(({ value }) => value === "audio")?.count).toBe(all.total);
        expect(all.facets.category.filter(({ value }) => demoCategories.some(({ slug }) => slug === value))).toHaveLength(10);
        expect(all.facets.brand.reduce((sum, { count }) => sum + count, 0)).toBe(all.total);

        const brand = all.facets.brand[0] as { value: string; count: number };
        const narrowed = await search({ category: "audio", brand: [brand.value], limit: 100 });
        expect(narrowed.total).toBe(brand.count);
        expect(narrowed.facets.brand).toEqual(all.facets.brand);
        expect((await search({ maxPrice: 2_000, limit: 100 })).items.every((item) => item.price.amount <= 2_000)).toBe(true);

        const ids: string[] = [];
        let cursor: string | null | undefined;
        do {
          const page = await search({ category: "audio", sort: "-price", limit: 5, ...(cursor ? { cursor } : {}) });
          ids.push(...page.items.map(({ id }) => id));
          cursor = page.nextCursor;
        } while (cursor !== null);
        expect(ids).toHaveLength(all.total);
        expect(new Set(ids).size).toBe(all.total);
        expect((await search({ q: "headph" })).items[0]?.name).toMatch(/headph/i);
      });

      test("shows related products, of the same shelf first, never the product itself", async () => {
        await seed();
        const [first] = demoProducts as [(typeof demoProducts)[0]];
        const { items } = await call(broker, "v1.products.related", { productId: first.id, limit: 6 });
        expect(items).toHaveLength(6);
        expect(items.map(({ id }) => id)).not.toContain(first.id);
        expect(items[0]?.category).toBe(first.product.category);
      });
    });

    test("refuses a cursor of another search", async () => {
      await create("L-1");
      await create("L-2");
      const { nextCursor } = await search({ q: "lamp", limit: 1 });
      expect(await found({ q: "lamp", limit: 1, cursor: nextCursor as string })).toHaveLength(1);
      const refused = { type: "INVALID_CURSOR", code: 400 };
      expect(await refusalOf(search({ q: "lamps", limit: 1, cursor: nextCursor as string }))).toEqual(refused);
      expect(await refusalOf(search({ q: "lamp", sort: "price", limit: 1, cursor: nextCursor as string }))).toEqual(refused);
      expect(await refusalOf(search({ cursor: "bm90IGEgY3Vyc29y" }))).toEqual(refused);
    });

    test("answers any text that is typed into the search", async () => {
      await create("L-1");
      for (const q of ['"', "lamp*", "NEAR(", "a AND", "-", "'; drop table product; --", "name:x", "^lamp", "\u0000"])
        expect((await search({ q })).total).toBeLessThanOrEqual(1);
    });
  });
}

test("The demo shop is not put into a served catalogue", async () => {
  const desk = { config: productsConfig({ NATS_URL: "nats://localhost" }) };
  await expect(seedDemo(desk as never, demoProducts)).rejects.toMatchObject({ type: "DEMO_NOT_AVAILABLE" });
});

describeWith(["mongo", "nats"], "Brokers with one catalogue", () => {
  const closing: (() => Promise<unknown>)[] = [];
  let [writing, listening, looking] = [] as ServiceBroker[] as [ServiceBroker, ServiceBroker, ServiceBroker];

  beforeAll(async () => {
    const [, mongo] = documentStores;
    const nats = await startNats({ jetstream: true });
    closing.push(() => nats.stop());
    const shared = {
      ...mongo.settings("products"),
      NATS_URL: nats.url,
      NAMESPACE: `test-${newId()}`,
      DATA_DIR: temporaryDataDir(),
      LOG_LEVEL: "fatal",
    };
    const startNode = async (NODE_ID: string, catchUpSeconds: number): Promise<ServiceBroker> => {
      const env = { ...shared, NODE_ID, PRODUCTS_CATCH_UP_SECONDS: String(catchUpSeconds) };
      const node = await createBroker(["products"], { env });
      closing.push(() => node.stop());
      await node.start();
      return node;
    };
    [writing, listening, looking] = await Promise.all([
      startNode("writing", 3_600),
      startNode("listening", 3_600),
      startNode("looking", 1),
    ]);
    await eventually(() => {
      const [list] = writing.registry.getEventList({ withEndpoints: true }).filter(({ name }) => name === "products.changed");
      expect(list?.endpoints).toHaveLength(3);
    });
  });
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  });

  test("give a slug and a SKU to one product, and tell of it once", async () => {
    const told: string[] = [];
    await runtimeOf(looking).bus.subscribe({
      service: "test",
      event: "product.created",
      concurrency: 16,
      async onDelivery(delivery) {
        told.push((delivery.message as Envelope).aggregateId);
        delivery.ack();
      },
    });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => {
        const same = i < 10 ? { slug: "race" } : { variants: [variant(`R-${i}`), variant("RACE")] };
        return call(i % 2 === 0 ? writing : listening, "v1.products.create", request(`R-${i}`, { status: "draft", ...same }));
      }),
    );
    const created = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value.id] : []));
    const refusals = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason.type] : []));
    expect(created).toHaveLength(2);
    expect(refusals.toSorted()).toEqual([...Array(9).fill("SKU_TAKEN"), ...Array(9).fill("SLUG_TAKEN")]);
    await eventually(() => expect(told.toSorted()).toEqual(created.toSorted()));
  });

  test("show each other's changes: told of at once, and found where a message was lost", async () => {
    // A broker prefers its own service, so an answer says what this broker shows.
    const shownBy = async (node: ServiceBroker, productId: string) => [
      (await call(node, "v1.products.search", { limit: 10 })).total,
      (await call(node, "v1.products.get", { productId, includeUnpublished: true })).name,
    ];

    const { id } = await call(writing, "v1.products.create", request("L-1"));
    await eventually(async () => expect(await shownBy(listening, id)).toEqual([1, "Lamp L-1"]));
    await call(writing, "v1.products.update", { productId: id, change: { name: "Torch" } });
    await eventually(async () => expect(await shownBy(listening, id)).toEqual([1, "Torch"]));

    // Written, and the broker dies before it has told the others.
    const { documents } = serviceOf(writing);
    const before = (await findProduct(documents, id)) as Product;
    const change = { status: "draft", name: "Flash" } as const;
    const after = changedProduct(before, change, { at: new Date().toISOString(), currency: "EUR" });
    await setProduct(documents, writeOf(before, after, {}), before.version);
    await eventually(async () => expect(await shownBy(looking, id)).toEqual([0, "Flash"]), { withinMs: 20_000 });
    expect(await shownBy(listening, id)).toEqual([1, "Torch"]);
  });

  test("have one tree of categories, wherever it is changed", async () => {
    const shown = async (node: ServiceBroker) => JSON.stringify((await call(node, "v1.products.categories", {})).items);
    const { slug } = await call(writing, "v1.products.createCategory", { name: "Desk Lamps", parent: "lighting" });
    // Asked for before the news has come, or after.
    const { id } = await call(listening, "v1.products.create", request("D-1", { category: slug }));
    await call(listening, "v1.products.changeCategory", { category: slug, change: { slug: "desk", parent: null } });
    for (const node of [writing, listening])
      await eventually(async () => expect(await shown(node)).toContain('{"slug":"desk","name":"Desk Lamps","children":[]}'));
    await eventually(async () => {
      const { items } = await call(writing, "v1.products.search", { category: "desk", limit: 5 });
      expect(items).toMatchObject([{ id, category: "desk", version: 2 }]);
    });
  });

  test("take the pieces of one import in turn, and two of one piece count once", async () => {
    const file = Buffer.from([...catalogueFile(120, "ndjson")].join(""));
    const { id: importId } = await call(writing, "v1.products.startImport", { format: "ndjson" });
    let offset = 0;
    let status = "open";
    while (status === "open") {
      const bytes = file.subarray(offset, offset + 20_000);
      const part = { importId, offset, content: bytes.toString("base64"), last: offset + bytes.length === file.length };
      const [one, other] = await Promise.all([
        call(writing, "v1.products.takeImportPart", part),
        call(listening, "v1.products.takeImportPart", part),
      ]);
      expect(one.import.offset).toBe(other.import.offset);
      ({ offset, status } = one.import);
    }
    expect(await call(listening, "v1.products.getImport", { importId })).toMatchObject({
      status: "done",
      created: 120,
      failed: 0,
    });
    for (const node of [writing, listening])
      await eventually(async () => expect((await call(node, "v1.products.search", { q: "GEN", limit: 1 })).total).toBe(120));
    const { items } = await call(writing, "v1.products.list", { limit: 100 });
    expect(new Set(items.filter(({ variants }) => variants[0]?.sku.startsWith("GEN")).map(({ version }) => version))).toEqual(
      new Set([1]),
    );
  });
});

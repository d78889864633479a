import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { ActionName, ActionParams, ActionResult, EventName } from "@molecart/mixins/contracts/index.ts";
import type {
  HistoryEntry,
  Import,
  ImportFormat,
  ImportRecord,
  NewProduct,
  Product,
} from "@molecart/mixins/contracts/products.ts";
import { IMPORT_PART_BYTES } from "@molecart/mixins/contracts/products.ts";
import type { Collection } from "@molecart/mixins/document-store/collection.ts";
import type { SchemaDocument } from "@molecart/mixins/document-store/document-migrations.ts";
import type { DocumentStoreProps } from "@molecart/mixins/document-store.mixin.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { Envelope } from "@molecart/mixins/messaging/envelope.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import fc from "fast-check";
import type { Service, ServiceBroker } from "moleculer";
import type { CategoriesDocument } from "../../services/products/category.document.ts";
import { recordOf } from "../../services/products/import/ndjson.ts";
import type { ProductDocument } from "../../services/products/product.document.ts";
import { findChangedSince } from "../../services/products/product.repository.ts";
import { catalogueFile, catalogueProduct } from "../support/catalogue-file.ts";
import { documentStores, mongoSettings } from "../support/document-stores.ts";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

jest.setTimeout(120_000);

type Collections = { categories: CategoriesDocument; imports: { _id: string } };
type ProductsService = Service &
  DocumentStoreProps<ProductDocument, Collections> & { store: { collection(name: string): Collection<SchemaDocument> } };

const variant = (sku: string, amount = 1_000) => ({ sku, attributes: {}, price: { amount, currency: "EUR" } });
const request = (sku: string, more: Partial<NewProduct> = {}): NewProduct => ({
  name: `Lamp ${sku}`,
  brand: "Norr",
  category: "table-lamps",
  description: "Gives light.",
  variants: [variant(sku)],
  ...more,
});

afterAll(() => removeDataDirs());

const refusalOf = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => "no refusal",
    ({ type, code }) => ({ type, code }),
  );

for (const { store, servers, settings } of documentStores) {
  describeWith(servers, `The staff's catalogue on ${store}`, () => {
    let env: Record<string, string>;
    let clock: ManualClock;
    let broker: ServiceBroker;
    let events: Envelope[];

    const call = <N extends ActionName>(name: N, params: ActionParams<N>): Promise<ActionResult<N>> =>
      broker.call(name, params as object) as never;
    const service = () => broker.getLocalService("v1.products") as unknown as ProductsService;

    const start = async (): Promise<void> => {
      broker = await createBroker(["products"], { env, clock });
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

    const create = (sku: string, more?: Partial<NewProduct>) => call("v1.products.create", request(sku, more));
    const update = (productId: string, change: Partial<NewProduct>, more: { by?: string } = {}) =>
      call("v1.products.update", { productId, change, ...more });
    const all = async (): Promise<Product[]> => {
      const products: Product[] = [];
      let cursor: string | undefined;
      do {
        const page = await call("v1.products.list", { limit: 100, ...(cursor !== undefined && { cursor }) });
        products.push(...page.items);
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      return products;
    };

    beforeEach(async () => {
      env = { DATA_DIR: temporaryDataDir(), LOG_LEVEL: "fatal", ...settings("products") };
      clock = new ManualClock(Date.now());
      events = [];
      await start();
    });
    afterEach(() => broker.stop());

    describe("The history of a product", () => {
      const historyOf = async (productId: string): Promise<HistoryEntry[]> =>
        (await call("v1.products.history", { productId })).items;

      test("names who has changed what, newest first, over a restart", async () => {
        const { id } = await call("v1.products.create", { ...request("L-1"), by: "u-1" });
        await update(id, { name: "Torch" }, { by: "u-2" });
        await call("v1.products.remove", { productId: id, by: "u-3" });
        await restart();
        expect(await historyOf(id)).toMatchObject([
          { version: 3, by: "u-3", action: "archived", changes: [{ field: "status", from: "published", to: "archived" }] },
          { version: 2, by: "u-2", action: "updated", changes: [{ field: "name", from: "Lamp L-1", to: "Torch" }] },
          { version: 1, by: "u-1", action: "created", changes: [] },
        ]);
        expect(await refusalOf(historyOf("no-such"))).toEqual({ type: "PRODUCT_NOT_FOUND", code: 404 });
      });

      test("remembers the last fifty changes", async () => {
        const { id } = await create("L-1");
        for (let i = 0; i < 55; i++) await update(id, { name: `Lamp ${i}` });
        const entries = await historyOf(id);
        expect(entries.map(({ version }) => version)).toEqual([...Array.from({ length: 50 }, (_, i) => 56 - i), 1]);
      });
    });

    describe("A slug", () => {
      const bySlug = (slug: string, includeUnpublished = false) => call("v1.products.getBySlug", { slug, includeUnpublished });

      test("finds its product, also when the product has another one by now", async () => {
        const { id } = await create("L-1", { slug: "lamp" });
        await update(id, { slug: "torch" });
        await update(id, { slug: "light" });
        for (const slug of ["lamp", "torch", "light"]) expect(await bySlug(slug)).toMatchObject({ id, slug: "light" });
        expect(await refusalOf(bySlug("dark"))).toEqual({ type: "PRODUCT_NOT_FOUND", code: 404 });
      });

      test("that was given up is free, and then means the product that has it", async () => {
        const { id } = await create("L-1", { slug: "lamp" });
        await update(id, { slug: "torch" });
        const other = await create("L-2", { slug: "lamp" });
        expect(await bySlug("lamp")).toEqual(other);
      });

      test("shows no draft to customers", async () => {
        await create("L-1", { slug: "lamp", status: "draft" });
        expect(await refusalOf(bySlug("lamp"))).toEqual({ type: "PRODUCT_NOT_FOUND", code: 404 });
        expect(await bySlug("lamp", true)).toMatchObject({ slug: "lamp" });
      });
    });

    test("A list for staff has every product, by status and category", async () => {
      const [draft, lamp, tent] = [
        await create("L-1", { status: "draft" }),
        await create("L-2"),
        await create("L-3", { category: "tents" }),
      ];
      const ids = async (params: Partial<ActionParams<"v1.products.list">>) =>
        (await call("v1.products.list", { limit: 20, ...params })).items.map(({ id }) => id);
      expect(await ids({})).toEqual([draft.id, lamp.id, tent.id].toSorted());
      expect(await ids({ status: "draft" })).toEqual([draft.id]);
      expect(await ids({ category: "outdoor" })).toEqual([tent.id]);
      expect((await all()).length).toBe(3);
      expect((await call("v1.products.brands", {})).items).toEqual([{ value: "Norr", count: 2 }]);
    });

    test("What was written since a time is found, over several pages", async () => {
      await create("L-0");
      clock.advance(1_000);
      const since = new Date(clock.now()).toISOString();
      const content = Buffer.from([...catalogueFile(350, "ndjson")].join("")).toString("base64");
      const { id: importId } = await call("v1.products.startImport", { format: "ndjson" });
      await call("v1.products.takeImportPart", { importId, offset: 0, content, last: true });
      const written = (await all()).filter(({ name }) => name !== "Lamp L-0").map(({ id }) => id);
      const ids = async (batch?: number) => (await findChangedSince(service().documents, since, batch)).map(({ id }) => id);
      expect([(await ids()).toSorted(), (await ids(7)).toSorted()]).toEqual([written, written]);
    });

    test("A removal of an expected version is refused when somebody was faster", async () => {
      const { id } = await create("L-1");
      await update(id, { name: "Torch" });
      const remove = (expectedVersion: number) => refusalOf(call("v1.products.remove", { productId: id, expectedVersion }));
      expect(await remove(1)).toEqual({ type: "VERSION_CONFLICT", code: 412 });
      expect(await remove(2)).toBe("no refusal");
      expect(await remove(2)).toEqual({ type: "VERSION_CONFLICT", code: 412 });
    });

    describe("A category", () => {
      const found = async (category: string) =>
        (await call("v1.products.search", { category, limit: 100 })).items.map(({ id }) => id);

      test("is searched by the name that it has, and by those of the categories above it", async () => {
        const parent = await call("v1.products.createCategory", { name: "Odds" });
        const { slug } = await call("v1.products.createCategory", { name: "Ends", parent: parent.slug });
        const { id } = await create("L-1", { category: slug });
        const foundBy = async (q: string) => (await call("v1.products.search", { q, limit: 1 })).items.map((item) => item.id);
        expect(await foundBy("odds ends")).toEqual([id]);
        await call("v1.products.changeCategory", { category: parent.slug, change: { name: "Zymurgy" } });
        await eventually(async () => expect([await foundBy("zymurgy ends"), await foundBy("odds")]).toEqual([[id], []]));
      });

      test("can be added, renamed and moved, and its products go with it at once", async () => {
        const added = await call("v1.products.createCategory", { name: "Desk Lamps", parent: "lighting" });
        expect(added).toEqual({ slug: "desk-lamps", name: "Desk Lamps", children: [] });
        const { id } = await create("L-1", { category: "desk-lamps" });
        await call("v1.products.changeCategory", {
          category: "desk-lamps",
          change: { slug: "desk", name: "Desk", parent: null, position: 0 },
        });
        const { items } = await call("v1.products.categories", {});
        expect(items[0]).toEqual({ slug: "desk", name: "Desk", children: [] });
        expect([await found("desk"), await found("desk-lamps"), await found("lighting")]).toEqual([[id], [id], []]);
        await eventually(async () =>
          expect((await call("v1.products.get", { productId: id, includeUnpublished: false })).category).toBe("desk"),
        );
        await eventually(() =>
          expect(events.filter(({ aggregateId }) => aggregateId === id).map(({ type }) => type)).toContain("product.updated"),
        );
        await restart();
        expect(await found("desk")).toEqual([id]);
        expect(await refusalOf(create("L-2", { category: "desk-lamps" }))).toEqual({ type: "CATEGORY_NOT_FOUND", code: 422 });
      });

      test("is removed when it is empty, or when it is said where its products go", async () => {
        const { id } = await create("L-1", { category: "tents" });
        const remove = (category: string, target?: string) =>
          refusalOf(call("v1.products.removeCategory", { category, ...(target !== undefined && { target }) }));
        expect(await remove("tents")).toEqual({ type: "CATEGORY_NOT_EMPTY", code: 409 });
        expect(await remove("outdoor")).toEqual({ type: "CATEGORY_NOT_EMPTY", code: 409 });
        expect(await remove("tents", "no-such")).toEqual({ type: "CATEGORY_NOT_FOUND", code: 422 });
        expect(await remove("no-such")).toEqual({ type: "CATEGORY_NOT_FOUND", code: 404 });
        expect(await remove("tents", "packs")).toBe("no refusal");
        expect(await found("packs")).toEqual([id]);
        await eventually(async () => expect((await all())[0]).toMatchObject({ category: "packs", version: 2 }));
        expect(await remove("sleeping")).toBe("no refusal");
      });

      test("takes all of many products along, also when the broker stops on the way", async () => {
        for (let i = 0; i < 120; i++) await create(`L-${i}`, { category: "tents" });
        await call("v1.products.removeCategory", { category: "tents", target: "packs" });
        await restart();
        await eventually(async () => expect(new Set((await all()).map(({ category }) => category))).toEqual(new Set(["packs"])), {
          withinMs: 20_000,
        });
      });

      test("is changed by several at the same time without a loss", async () => {
        const names = Array.from({ length: 5 }, (_, i) => `Shelf ${i}`);
        await Promise.all(names.map((name) => call("v1.products.createCategory", { name, parent: "tents" })));
        const { items } = await call("v1.products.categories", {});
        const tents = items.flatMap(({ children }) => children).find(({ slug }) => slug === "tents");
        expect(tents?.children.map(({ name }) => name).toSorted()).toEqual(names);
      });

      test("keeps its old slug until no product has it", async () => {
        await create("L-1", { category: "tents" });
        const { documents } = service();
        const stuck = jest.spyOn(documents, "updateOne").mockResolvedValue(undefined);
        await call("v1.products.changeCategory", { category: "tents", change: { slug: "shelters" } });
        const take = () => refusalOf(call("v1.products.createCategory", { name: "Tents" }));
        expect(await take()).toEqual({ type: "CATEGORY_TAKEN", code: 409 });
        stuck.mockRestore();
        await eventually(async () => expect((await all())[0]?.category).toBe("shelters"), { withinMs: 20_000 });
        expect(await take()).toBe("no refusal");
      });
    });

    describe("An import", () => {
      const begin = (format: ImportFormat, more: Partial<ActionParams<"v1.products.startImport">> = {}) =>
        call("v1.products.startImport", { format, ...more });

      /** As the gateway does, from where the import has come to. */
      const send = async (importId: string, file: Buffer, partBytes = 20_000): Promise<Import> => {
        for (;;) {
          const { offset, status } = await call("v1.products.getImport", { importId });
          if (status !== "open") return call("v1.products.getImport", { importId });
          let size = partBytes;
          for (;;) {
            const bytes = file.subarray(offset, offset + size);
            const last = offset + bytes.length === file.length;
            const part = { importId, offset, content: bytes.toString("base64"), last };
            const { import: state, waitMs } = await call("v1.products.takeImportPart", part);
            if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
            else if (state.offset === offset && state.status === "open" && size < IMPORT_PART_BYTES) size = IMPORT_PART_BYTES;
            else break;
          }
        }
      };
      const fileOf = (records: readonly unknown[]) =>
        Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(""));
      const importAll = async (records: readonly unknown[]) => send((await begin("ndjson")).id, fileOf(records));

      test.each(["ndjson", "csv"] as const)(
        "of %s brings every product once, with its event, and can be found",
        async (format) => {
          const started = await begin(format, { fileName: "catalogue", sizeBytes: 1, by: "u-1" });
          expect(started).toMatchObject({ status: "open", offset: 0, createdBy: "u-1", sizeBytes: 1, fileName: "catalogue" });
          const file = Buffer.from([...catalogueFile(200, format)].join(""));
          const ended = await send(started.id, file);
          expect(ended).toMatchObject({ status: "done", offset: file.length, created: 200, updated: 0, unchanged: 0, failed: 0 });
          expect(ended.lines).toBe(file.toString().split("\n").length - 1);
          const records = (await all()).map(({ version, ...product }) => ({
            ...recordOf({ version, ...product }),
            id: undefined,
            version,
          }));
          const bySlug = (a: { slug?: string }, b: { slug?: string }) => (String(a.slug) < String(b.slug) ? -1 : 1);
          expect(records.toSorted(bySlug)).toEqual(
            Array.from({ length: 200 }, (_, n) => ({ ...catalogueProduct(n), id: undefined, version: 1 })).toSorted(bySlug),
          );
          expect((await call("v1.products.search", { q: "Kettle", limit: 1 })).total).toBe(20);
          await eventually(() => expect(events).toHaveLength(200));
          const { items } = await call("v1.products.history", { productId: (await all())[0]?.id as string });
          expect(items).toMatchObject([{ action: "created", importId: started.id }]);
          expect((await call("v1.products.listImports", { limit: 5 })).items).toEqual([ended]);
        },
      );

      test("goes on after a kill between the products and the progress, without a second effect", async () => {
        const file = Buffer.from([...catalogueFile(300, "ndjson")].join(""));
        const { id } = await begin("ndjson");
        const { imports } = service().collections;
        const commit = imports.updateOne.bind(imports);
        let commits = 0;
        imports.updateOne = (...args) => {
          commits += 1;
          return commits === 3 ? Promise.reject(new Error("killed")) : commit(...args);
        };
        await expect(send(id, file)).rejects.toThrow("killed");
        const before = await call("v1.products.getImport", { importId: id });
        expect((await all()).length).toBeGreaterThan(before.created);
        await restart();
        expect(await send(id, file)).toMatchObject({ status: "done", created: 300, updated: 0, unchanged: 0, failed: 0 });
        expect((await all()).map(({ version }) => version)).toEqual(Array(300).fill(1));
        await eventually(() => expect(events).toHaveLength(300));
      });

      test("takes a piece once, however often and however many bring it", async () => {
        const file = Buffer.from([...catalogueFile(20, "ndjson")].join(""));
        const { id: importId } = await begin("ndjson");
        const part = { importId, offset: 0, content: file.toString("base64"), last: true };
        const answers = await Promise.all(Array.from({ length: 5 }, () => call("v1.products.takeImportPart", part)));
        for (const { import: state } of answers)
          expect(state).toMatchObject({ status: "done", offset: file.length, created: 20 });
        expect((await all()).map(({ version }) => version)).toEqual(Array(20).fill(1));
        const elsewhere = await call("v1.products.takeImportPart", { ...part, offset: 5 });
        expect(elsewhere.import.created).toBe(20);
      });

      test("of the same file again changes nothing; of a changed one only what has changed", async () => {
        const records = Array.from({ length: 30 }, (_, n) => catalogueProduct(n));
        await importAll(records);
        expect(await importAll(records)).toMatchObject({ created: 0, updated: 0, unchanged: 30 });
        const changed = records.map((record, n) => (n < 3 ? { ...record, name: `New ${n}` } : record));
        expect(await importAll([...changed, catalogueProduct(30)])).toMatchObject({ created: 1, updated: 3, unchanged: 27 });
        await eventually(() => expect(events).toHaveLength(34));
        const products = await all();
        expect(
          products
            .filter(({ version }) => version === 2)
            .map(({ name }) => name)
            .toSorted(),
        ).toEqual(["New 0", "New 1", "New 2"]);
      });

      test("finds a product by id, by slug or by SKU, and leaves alone what a line does not say", async () => {
        const { images: _i, status: _s, ...first } = catalogueProduct(1) as ImportRecord & { slug: string };
        const { id } = await call("v1.products.create", { ...catalogueProduct(1), status: "draft" });
        const { slug: _, ...withoutSlug } = first;
        const lines = [
          { ...first, id, slug: "by-id" },
          { ...first, slug: "by-id", name: "By slug" },
          { ...withoutSlug, name: "By SKU", brand: "Other" },
        ];
        expect(await importAll(lines)).toMatchObject({ created: 0, updated: 3, failed: 0 });
        expect(await all()).toMatchObject([
          { id, slug: "by-id", name: "By SKU", brand: "Other", status: "draft", images: catalogueProduct(1).images, version: 4 },
        ]);
      });

      test("creates a product under the id that the file gives it", async () => {
        const id = newId();
        await importAll([{ ...catalogueProduct(1), id }]);
        expect(await all()).toMatchObject([{ id }]);
      });

      test("names each refused line, and goes on", async () => {
        const other = await create("TAKEN", { slug: "taken" });
        const line = (n: number, more: object) => ({ ...catalogueProduct(n), ...more });
        const lines = [
          line(1, {}),
          line(2, { category: "no-such" }),
          line(3, { variants: [variant("X-3"), variant("TAKEN")], slug: "own", id: "new-id" }),
          line(4, { id: "other-id", slug: "taken" }),
          line(5, { variants: [{ ...variant("X-5"), price: { amount: 1, currency: "USD" } }] }),
          line(6, { variants: [variant("X-6"), variant("X-6")] }),
          { name: "half" },
          line(8, {}),
        ];
        const ended = await importAll(lines);
        expect(ended).toMatchObject({ status: "done", created: 2, failed: 6 });
        expect(ended.errors.map(({ line: number, message }) => `${number}: ${message}`)).toEqual([
          "2: There is no category no-such",
          "3: Another variant has the SKU TAKEN",
          "4: Another product has the slug taken",
          "5: A price is in USD; this shop sells in EUR",
          "6: Another variant has the SKU X-6",
          "7: is required",
          "7: is required",
          "7: is required",
          "7: is required",
        ]);
        expect((await call("v1.products.listImportErrors", { importId: ended.id })).items).toEqual(ended.errors);
        expect(await call("v1.products.get", { productId: other.id, includeUnpublished: true })).toEqual(other);
      });

      test("treats lines about one product one after the other", async () => {
        const record = catalogueProduct(1);
        const moved = { ...catalogueProduct(2), variants: record.variants.slice(0, 1) };
        const kept = { ...record, variants: record.variants.slice(1) };
        const ended = await importAll([record, { ...record, name: "Second" }, { ...record, name: "Third" }, kept, moved]);
        expect(ended).toMatchObject({ created: 2, updated: 3, failed: 0 });
        expect((await all()).map(({ name, version }) => [name, version]).toSorted()).toEqual([
          [catalogueProduct(2).name, 1],
          [record.name, 4],
        ]);
      });

      test("gives products of one name slugs of their own", async () => {
        const lines = Array.from({ length: 10 }, (_, n) => ({ ...catalogueProduct(n), name: "Lamp", slug: undefined }));
        expect(await importAll(lines)).toMatchObject({ created: 10, failed: 0 });
        expect(new Set((await all()).map(({ slug }) => slug)).size).toBe(10);
      });

      test("ends early where its file is of another kind, or nearly every line is wrong", async () => {
        const { id } = await begin("csv");
        expect(await send(id, fileOf([catalogueProduct(1)]))).toMatchObject({
          status: "failed",
          reason: expect.stringContaining("Line 1"),
        });
        await broker.stop();
        env.PRODUCTS_IMPORT_MAX_ERRORS = "5";
        await start();
        const many = await send((await begin("ndjson")).id, Buffer.from("nothing\n".repeat(50_000)));
        expect(many).toMatchObject({ status: "failed", reason: "More than 5 products were refused" });
        expect(many.errors).toHaveLength(100);
        expect(many.offset).toBeLessThan(50_000 * 8);
      });

      test("can be cancelled, and then takes nothing", async () => {
        const { id } = await begin("ndjson");
        expect(await call("v1.products.cancelImport", { importId: id })).toMatchObject({ status: "cancelled" });
        expect(await call("v1.products.cancelImport", { importId: id })).toMatchObject({ status: "cancelled" });
        expect(await send(id, fileOf([catalogueProduct(1)]))).toMatchObject({ status: "cancelled", created: 0 });
        const done = await importAll([catalogueProduct(1)]);
        expect(await refusalOf(call("v1.products.cancelImport", { importId: done.id }))).toEqual({
          type: "IMPORT_CLOSED",
          code: 409,
        });
        expect(await refusalOf(call("v1.products.getImport", { importId: "no-such" }))).toEqual({
          type: "IMPORT_NOT_FOUND",
          code: 404,
        });
      });

      test("that nobody goes on with gives its place to others, and is forgotten in the end", async () => {
        const first = await begin("ndjson");
        for (let i = 1; i < 20; i++) await begin("ndjson");
        expect(await refusalOf(begin("ndjson"))).toEqual({ type: "TOO_MANY_IMPORTS", code: 409 });
        clock.advance(8 * 24 * 3_600_000);
        await begin("ndjson");
        expect(await call("v1.products.getImport", { importId: first.id })).toMatchObject({ status: "cancelled" });
        clock.advance(31 * 24 * 3_600_000);
        await begin("ndjson");
        expect(await refusalOf(call("v1.products.getImport", { importId: first.id }))).toEqual({
          type: "IMPORT_NOT_FOUND",
          code: 404,
        });
      });

      test("waits while those who hear of its products do not keep up", async () => {
        const { bus } = runtimeOf(broker);
        const publish = bus.publish.bind(bus);
        bus.publish = () => Promise.reject(new Error("the bus is away"));
        const { id } = await begin("ndjson");
        const file = Buffer.from([...catalogueFile(1_500, "ndjson")].join(""));
        let [waited, offset] = [0, 0];
        while (waited === 0 && offset < file.length) {
          const content = file.subarray(offset, offset + IMPORT_PART_BYTES).toString("base64");
          const { import: state, waitMs } = await call("v1.products.takeImportPart", {
            importId: id,
            offset,
            content,
            last: false,
          });
          [waited, offset] = [waitMs, state.offset];
        }
        expect(waited).toBeGreaterThan(0);
        expect(offset).toBeLessThan(file.length);
        bus.publish = publish;
        expect(await send(id, file)).toMatchObject({ status: "done", created: 1_500 });
      });

      test.each(["ndjson", "csv"] as const)("of an export as %s gives the same catalogue", async (format) => {
        const texts = ["plain", 'with "quotes", commas;\nand lines', "=1+1", " spaces ", "Größe ✓", "null"];
        const word = fc.constantFrom(...texts);
        const pick = fc.sample(
          fc.record({
            name: word,
            brand: word,
            description: word,
            status: fc.constantFrom("draft", "published", "archived"),
            count: fc.integer({ min: 1, max: 4 }),
            attributes: fc.dictionary(word, word),
          }),
          { numRuns: 230, seed: 7 },
        );
        await importAll(
          pick.map(({ count, attributes, ...record }, n) => ({
            ...record,
            category: "tents",
            images: n % 2 === 0 ? [] : [`https://images.example/${n}`],
            variants: Array.from({ length: count }, (_, i) => ({ ...variant(`P-${n}-${i}`, n * 10 + i), attributes })),
          })),
        );
        const exported = await all();
        expect(exported).toHaveLength(230);
        let [file, cursor]: [string, string | undefined] = ["", undefined];
        do {
          const page: { text: string; nextCursor: string | null } = await call("v1.products.exportPage", {
            format,
            ...(cursor !== undefined && { cursor }),
          });
          file += page.text;
          cursor = page.nextCursor ?? undefined;
        } while (cursor !== undefined);

        await broker.stop();
        env = { DATA_DIR: temporaryDataDir(), LOG_LEVEL: "fatal", ...settings("products") };
        await start();
        expect(await send((await begin(format)).id, Buffer.from(file))).toMatchObject({ created: 230, failed: 0 });
        expect((await all()).map(recordOf)).toEqual(exported.map(recordOf));
      });
    });

    describe("Migrations", () => {
      const schema = () => service().store.collection("products_schema");

      test("give an older tree what the program needs, and are noted", async () => {
        const { categories } = service().collections;
        await categories.updateOne({ _id: "tree" }, { $unset: { version: true, aliases: true } });
        await schema().removeMany({ _id: { $ne: "lock" } });
        await restart();
        expect(await schema().find({ query: { _id: { $ne: "lock" } } })).toMatchObject([
          { _id: "0001_categories_have_versions" },
          { _id: "0002_changes_are_read_in_order" },
        ]);
        await call("v1.products.createCategory", { name: "New" });
        expect(await service().collections.categories.get("tree")).toMatchObject({ version: 2, aliases: [] });
      });

      test("of a newer program are refused by name", async () => {
        await schema().insert({ _id: "0999_prices_have_wings" });
        await broker.stop();
        broker = await createBroker(["products"], { env });
        await expect(broker.start()).rejects.toThrow("0999_prices_have_wings");
      });
    });
  });
}

describeWith(["mongo"], "A catalogue whose MongoDB goes away and comes back", () => {
  test("answers what it remembers, refuses the rest in time, and goes on", async () => {
    const [[name, url]] = Object.entries(mongoSettings("products")) as [[string, string]];
    const [, host, port = "27017"] = /\/\/(?:[^@]*@)?([^:/,]+):?(\d+)?/.exec(url) as unknown as [string, string, string?];
    const proxy = await startTcpProxy({ host, port: Number(port) });
    const proxied = url.replace(/(\/\/(?:[^@]*@)?)[^/]+/, `$1${proxy.host}:${proxy.port}`);
    const broker = await createBroker(["products"], {
      env: { DATA_DIR: temporaryDataDir(), LOG_LEVEL: "fatal", [name]: proxied },
    });
    const call = <N extends ActionName>(action: N, params: ActionParams<N>): Promise<ActionResult<N>> =>
      broker.call(action, params as object) as never;
    const health = () =>
      (broker.getLocalService("v1.products") as unknown as { healthChecks: Record<string, () => Promise<void>> }).healthChecks[
        "products documents"
      ]?.();
    await broker.start();
    try {
      const product = await call("v1.products.create", request("L-1"));
      const other = await call("v1.products.create", request("L-2"));
      const get = (productId: string) => call("v1.products.get", { productId, includeUnpublished: false });
      await get(product.id);
      const { id: importId } = await call("v1.products.startImport", { format: "ndjson" });
      const content = Buffer.from([...catalogueFile(50, "ndjson")].join("")).toString("base64");
      const part = { importId, offset: 0, content, last: true };

      proxy.cut();
      expect(await get(product.id)).toEqual(product);
      const startedAt = performance.now();
      const refusals = await Promise.all([
        refusalOf(get(other.id)),
        refusalOf(call("v1.products.update", { productId: product.id, change: { name: "Torch" } })),
        refusalOf(call("v1.products.takeImportPart", part)),
        refusalOf(call("v1.products.createCategory", { name: "New" })),
      ]);
      expect(new Set(refusals.map((refusal) => (refusal as { code: number }).code))).toEqual(new Set([503]));
      expect(performance.now() - startedAt).toBeLessThan(30_000);
      await expect(health()).rejects.toThrow();

      proxy.heal();
      await eventually(async () => expect((await get(other.id)).id).toBe(other.id), { withinMs: 30_000 });
      expect(await call("v1.products.update", { productId: product.id, change: { name: "Torch" } })).toMatchObject({
        version: 2,
      });
      expect((await call("v1.products.takeImportPart", part)).import).toMatchObject({ status: "done", created: 50 });
      await health();
    } finally {
      proxy.heal();
      await broker.stop();
      await proxy.close();
    }
  });
});

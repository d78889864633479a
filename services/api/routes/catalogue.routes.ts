import { Exactly, Paging } from "@molecart/mixins/contracts/common.ts";
import { inventory } from "@molecart/mixins/contracts/inventory.ts";
import {
  CategoryChange,
  Import,
  ImportFormat,
  NewCategory,
  NewProduct,
  ProductChange,
  ProductStatus,
  products,
  SearchParams,
  Slug,
} from "@molecart/mixins/contracts/products.ts";
import { Type } from "typebox";
import { isStaff } from "../access.ts";
import { ProductDetail, productDetail } from "../product-detail.ts";
import { uploadImport } from "../product-import.ts";
import { actionRoute, answerRoute, downloadRoute, uploadRoute } from "../route.ts";

const newImport = products.actions.startImport.params.properties;
const fileTypes = { ndjson: "application/x-ndjson", csv: "text/csv; charset=utf-8" };

export const catalogueRoutes = [
  // Before those with an id in the same place.
  actionRoute({
    method: "GET",
    path: "/products/by-slug/{slug}",
    access: "public",
    status: 200,
    summary: "A product by its slug, or by one that it had before: its own says which it has now",
    action: "v1.products.getBySlug",
    params: ({ path, caller }) => ({ slug: path.slug, includeUnpublished: isStaff(caller) }),
    versionOf: ({ version }) => version,
  }),
  downloadRoute({
    path: "/products/export",
    summary: "All products as a file that an import takes: one product per line (NDJSON), or one variant per row (CSV)",
    query: Exactly({ format: ImportFormat, status: Type.Optional(ProductStatus) }),
    uses: ["v1.products.exportPage"],
    types: Object.values(fileTypes),
    file: ({ query: { format } }) => ({ type: fileTypes[format], fileName: `products.${format}` }),
    async *pieces(call, { query }) {
      let cursor: string | undefined;
      do {
        const page = await call("v1.products.exportPage", { ...query, ...(cursor !== undefined && { cursor }) });
        yield page.text;
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
    },
  }),
  actionRoute({
    method: "POST",
    path: "/products/imports",
    access: "staff",
    status: 201,
    summary: "Begins an import of products. Its file is sent to …/content afterwards",
    body: Exactly({
      format: newImport.format,
      fileName: newImport.fileName,
      sizeBytes: newImport.sizeBytes,
      delimiter: newImport.delimiter,
    }),
    action: "v1.products.startImport",
    params: ({ body, caller }) => ({ ...body, by: caller.userId }),
    location: ({ id }) => `/products/imports/${id}`,
  }),
  actionRoute({
    method: "GET",
    path: "/products/imports",
    access: "staff",
    status: 200,
    summary: "The imports of the last thirty days, newest first",
    query: Exactly(Paging),
    action: "v1.products.listImports",
    params: ({ query }) => query,
  }),
  actionRoute({
    method: "GET",
    path: "/products/imports/{id}",
    access: "staff",
    status: 200,
    summary: "How far an import has come, and its first errors. An upload goes on from its offset",
    action: "v1.products.getImport",
    params: ({ path }) => ({ importId: path.id }),
  }),
  uploadRoute({
    path: "/products/imports/{id}/content",
    summary: "The file of an import, or the rest of it from Upload-Offset on. Answers when it is stored",
    uses: ["v1.products.getImport", "v1.products.takeImportPart"],
    result: Import,
    take: (call, { path }, upload) => uploadImport(call, path.id, upload),
  }),
  downloadRoute({
    path: "/products/imports/{id}/errors",
    summary: "Every error of an import, one per line (NDJSON)",
    uses: ["v1.products.listImportErrors"],
    types: [fileTypes.ndjson],
    file: ({ path }) => ({ type: fileTypes.ndjson, fileName: `import-${path.id}-errors.ndjson` }),
    async *pieces(call, { path: { id: importId } }) {
      let cursor: string | undefined;
      do {
        const page = await call("v1.products.listImportErrors", { importId, ...(cursor !== undefined && { cursor }) });
        yield page.items.map((error) => `${JSON.stringify(error)}\n`).join("");
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
    },
  }),
  actionRoute({
    method: "POST",
    path: "/products/imports/{id}/cancel",
    access: "staff",
    status: 200,
    summary: "Ends an import. What it has brought stays",
    action: "v1.products.cancelImport",
    params: ({ path }) => ({ importId: path.id }),
  }),
  actionRoute({
    method: "GET",
    path: "/products/{id}/history",
    access: "staff",
    status: 200,
    summary: "Who has changed what of a product, newest first",
    action: "v1.products.history",
    params: ({ path }) => ({ productId: path.id }),
  }),
  actionRoute({
    method: "GET",
    path: "/admin/products",
    access: "staff",
    status: 200,
    summary: "All products, drafts and archived ones too, in the order of their ids",
    query: Exactly({ status: Type.Optional(ProductStatus), category: Type.Optional(Slug), ...Paging }),
    action: "v1.products.list",
    params: ({ query }) => query,
  }),
  actionRoute({
    method: "GET",
    path: "/brands",
    access: "public",
    status: 200,
    summary: "The brands of published products, the most frequent first",
    action: "v1.products.brands",
    params: () => ({}),
  }),
  actionRoute({
    method: "POST",
    path: "/categories",
    access: "staff",
    status: 201,
    summary: "Adds a category, at the top or below another one",
    body: NewCategory,
    action: "v1.products.createCategory",
    params: ({ body }) => body,
  }),
  actionRoute({
    method: "PATCH",
    path: "/categories/{slug}",
    access: "staff",
    status: 200,
    summary: "Renames a category or moves it in the tree, with all below it. Its products follow",
    body: CategoryChange,
    action: "v1.products.changeCategory",
    params: ({ path, body }) => ({ category: path.slug, change: body }),
  }),
  actionRoute({
    method: "DELETE",
    path: "/categories/{slug}",
    access: "staff",
    status: 204,
    summary: "Removes a category. What is in it goes to `target`; without one, it must be empty",
    query: Exactly({ target: Type.Optional(Slug) }),
    action: "v1.products.removeCategory",
    params: ({ path, query }) => ({ category: path.slug, ...query }),
  }),
  actionRoute({
    method: "GET",
    path: "/products",
    access: "public",
    status: 200,
    summary: "Searches the catalogue",
    query: SearchParams,
    action: "v1.products.search",
    params: ({ query }) => query,
  }),
  actionRoute({
    method: "GET",
    path: "/products/{id}",
    access: "public",
    status: 200,
    summary: "A product; staff see drafts and archived ones too",
    action: "v1.products.get",
    params: ({ path, caller }) => ({ productId: path.id, includeUnpublished: isStaff(caller) }),
    versionOf: ({ version }) => version,
  }),
  answerRoute({
    method: "GET",
    path: "/products/{id}/detail",
    access: "public",
    status: 200,
    summary: "A product with its stock and related ones; a part that cannot be had is null and named",
    uses: ["v1.products.get", "v1.products.related", "v1.inventory.getMany"],
    result: ProductDetail,
    answer: (desk, { path, caller }) => productDetail(desk, path.id, isStaff(caller)),
  }),
  actionRoute({
    method: "GET",
    path: "/categories",
    access: "public",
    status: 200,
    summary: "The tree of categories",
    action: "v1.products.categories",
    params: () => ({}),
  }),
  actionRoute({
    method: "POST",
    path: "/products",
    access: "staff",
    status: 201,
    summary: "Adds a product",
    body: NewProduct,
    action: "v1.products.create",
    params: ({ body, caller }) => ({ ...body, by: caller.userId }),
    versionOf: ({ version }) => version,
    location: ({ id }) => `/products/${id}`,
  }),
  actionRoute({
    method: "PATCH",
    path: "/products/{id}",
    access: "staff",
    status: 200,
    summary: "Changes a product; with If-Match only the version that it names",
    body: ProductChange,
    conditional: true,
    action: "v1.products.update",
    params: ({ path, body, caller, expectedVersion }) => ({
      productId: path.id,
      change: body,
      expectedVersion,
      by: caller.userId,
    }),
    versionOf: ({ version }) => version,
  }),
  actionRoute({
    method: "DELETE",
    path: "/products/{id}",
    access: "staff",
    status: 204,
    summary: "Archives a product; with If-Match only the version that it names",
    conditional: true,
    action: "v1.products.remove",
    params: ({ path, caller, expectedVersion }) => ({ productId: path.id, expectedVersion, by: caller.userId }),
  }),
  actionRoute({
    method: "GET",
    path: "/inventory/{sku}",
    access: "staff",
    status: 200,
    summary: "The stock of a SKU",
    action: "v1.inventory.get",
    params: ({ path }) => ({ sku: path.sku }),
  }),
  actionRoute({
    method: "PUT",
    path: "/inventory/{sku}",
    access: "staff",
    status: 200,
    summary: "Sets what a stock-take has counted",
    body: Exactly({ onHand: inventory.actions.set.params.properties.onHand }),
    action: "v1.inventory.set",
    params: ({ path, body }) => ({ sku: path.sku, onHand: body.onHand }),
  }),
];

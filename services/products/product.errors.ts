import { NotYet, Refusal } from "@molecart/mixins/lib/errors.ts";

export class ProductNotFound extends Refusal {
  constructor(productId: string) {
    super("PRODUCT_NOT_FOUND", 404, `There is no product ${productId}`);
  }
}

export class SlugTaken extends Refusal {
  constructor(slug: string) {
    super("SLUG_TAKEN", 409, `Another product has the slug ${slug}`, { slug });
  }
}

export class SkuTaken extends Refusal {
  constructor(sku: string) {
    super("SKU_TAKEN", 409, `Another variant has the SKU ${sku}`, { sku });
  }
}

/** Of a category that a request names. */
export class CategoryNotFound extends Refusal {
  constructor(category: string) {
    super("CATEGORY_NOT_FOUND", 422, `There is no category ${category}`, { category });
  }
}

/** Of the category that is asked for. */
export class NoSuchCategory extends Refusal {
  constructor(category: string) {
    super("CATEGORY_NOT_FOUND", 404, `There is no category ${category}`, { category });
  }
}

export class MixedCurrencies extends Refusal {
  constructor(currency: string, shopCurrency: string) {
    super("MIXED_CURRENCIES", 422, `A price is in ${currency}; this shop sells in ${shopCurrency}`, { currency, shopCurrency });
  }
}

export class VersionConflict extends Refusal {
  constructor(productId: string, expected: number, actual: number) {
    super("VERSION_CONFLICT", 412, `Product ${productId} is at version ${actual}, not ${expected}`, { expected, actual });
  }
}

/** Others were faster every time. */
export class ProductBusy extends NotYet {
  constructor(productId: string) {
    super("PRODUCT_BUSY", 503, `Product ${productId} is being changed by others`);
  }
}

export class CategoryTaken extends Refusal {
  constructor(slug: string) {
    super("CATEGORY_TAKEN", 409, `There is a category ${slug}`, { slug });
  }
}

export class CategoryNotEmpty extends Refusal {
  constructor(slug: string) {
    super("CATEGORY_NOT_EMPTY", 409, `The category ${slug} has products or subcategories; name a category that takes them`, {
      slug,
    });
  }
}

export class CategoryCycle extends Refusal {
  constructor(slug: string, target: string) {
    super("CATEGORY_CYCLE", 422, `${target} is ${slug} itself or stands below it`, { slug, target });
  }
}

export class CategoryLimit extends Refusal {
  constructor(what: string) {
    super("CATEGORY_LIMIT", 422, what);
  }
}

/** Others were faster every time. */
export class CategoriesBusy extends NotYet {
  constructor() {
    super("CATEGORIES_BUSY", 503, "The categories are being changed by others");
  }
}

export class ImportNotFound extends Refusal {
  constructor(importId: string) {
    super("IMPORT_NOT_FOUND", 404, `There is no import ${importId}`);
  }
}

export class ImportClosed extends Refusal {
  constructor(importId: string, status: string) {
    super("IMPORT_CLOSED", 409, `The import ${importId} is ${status}`, { status });
  }
}

export class TooManyImports extends Refusal {
  constructor(open: number) {
    super("TOO_MANY_IMPORTS", 409, `${open} imports are open: go on with one of them, or cancel it`, { open });
  }
}

export class DemoNotAvailable extends Refusal {
  constructor() {
    super("DEMO_NOT_AVAILABLE", 409, "The demo shop exists in the embedded mode only");
  }
}

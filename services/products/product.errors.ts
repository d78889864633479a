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

export class CategoryNotFound extends Refusal {
  constructor(category: string) {
    super("CATEGORY_NOT_FOUND", 422, `There is no category ${category}`, { category });
  }
}

export class MixedCurrencies extends Refusal {
  constructor(currency: string, shopCurrency: string) {
    super("MIXED_CURRENCIES", 422, `A price is in ${currency}; this shop sells in ${shopCurrency}`, { currency, shopCurrency });
  }
}

export class VersionConflict extends Refusal {
  constructor(productId: string, expected: number, actual: number) {
    super("VERSION_CONFLICT", 409, `Product ${productId} is at version ${actual}, not ${expected}`, { expected, actual });
  }
}

/** Others were faster every time. */
export class ProductBusy extends NotYet {
  constructor(productId: string) {
    super("PRODUCT_BUSY", 503, `Product ${productId} is being changed by others`);
  }
}

export class DemoNotAvailable extends Refusal {
  constructor() {
    super("DEMO_NOT_AVAILABLE", 409, "The demo shop exists in the embedded mode only");
  }
}

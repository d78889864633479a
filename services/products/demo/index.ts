import { audio } from "./audio.ts";
import { bicycles } from "./bicycles.ts";
import { booksStationery } from "./books-stationery.ts";
import { coffeeKitchen } from "./coffee-kitchen.ts";
import type { DemoProduct } from "./demo-product.ts";
import { garden } from "./garden.ts";
import { homeOffice } from "./home-office.ts";
import { kids } from "./kids.ts";
import { lighting } from "./lighting.ts";
import { outdoor } from "./outdoor.ts";
import { sports } from "./sports.ts";

export { demoCategories } from "./categories.ts";
export type { DemoProduct } from "./demo-product.ts";

export const demoProducts: DemoProduct[] = [
  ...coffeeKitchen,
  ...audio,
  ...outdoor,
  ...homeOffice,
  ...bicycles,
  ...booksStationery,
  ...garden,
  ...kids,
  ...lighting,
  ...sports,
];

import type { Route } from "./route.ts";
import { adminRoutes } from "./routes/admin.routes.ts";
import { authRoutes } from "./routes/auth.routes.ts";
import { cartRoutes } from "./routes/cart.routes.ts";
import { catalogueRoutes } from "./routes/catalogue.routes.ts";
import { documentRoutes } from "./routes/document.routes.ts";
import { healthRoutes } from "./routes/health.routes.ts";
import { meRoutes } from "./routes/me.routes.ts";
import { orderRoutes } from "./routes/order.routes.ts";
import { userRoutes } from "./routes/user.routes.ts";

/** Everything that can be reached from outside. */
export const routes: readonly Route[] = [
  ...authRoutes,
  ...meRoutes,
  ...catalogueRoutes,
  ...cartRoutes,
  ...orderRoutes,
  ...adminRoutes,
  ...userRoutes,
  ...healthRoutes,
  ...documentRoutes(() => routes),
];

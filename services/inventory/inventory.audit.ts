import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Auditor } from "@molecart/mixins/verify/auditor.ts";
import { readMessaging } from "@molecart/mixins/verify/messaging-facts.ts";
import type { InventoryTables } from "./stock.table.ts";

type Tables = InventoryTables & MessagingTables;

const audit: Auditor = (stores) =>
  stores.sql<Tables, Awaited<ReturnType<Auditor>>>("inventory", async (db) => ({
    messaging: await readMessaging(db),
    inventory: {
      stock: await db.selectFrom("stock").select(["sku", "on_hand as onHand", "reserved", "sold"]).orderBy("sku").execute(),
      reservations: await db
        .selectFrom("reservation")
        .select(["order_id as orderId", "status", "released_by as releasedBy", "expires_at as expiresAt", "lines"])
        .orderBy("order_id")
        .execute(),
      movements: await db
        .selectFrom("stock_movement")
        .select(["id", "sku", "kind", "quantity", "order_id as orderId"])
        .orderBy("id")
        .execute(),
    },
  }));

export default audit;

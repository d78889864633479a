import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Auditor } from "@molecart/mixins/verify/auditor.ts";
import { readMessaging } from "@molecart/mixins/verify/messaging-facts.ts";
import type { ShippingTables } from "./shipment.table.ts";

type Tables = ShippingTables & MessagingTables;

const audit: Auditor = (stores) =>
  stores.sql<Tables, Awaited<ReturnType<Auditor>>>("shipping", async (db) => {
    const rows = await db.selectFrom("shipment").select(["id", "order_id", "status", "lines"]).orderBy("id").execute();
    const shipments = rows.map(({ id, order_id, status, lines }) => ({
      id,
      orderId: order_id,
      status,
      lines: lines?.map(({ sku, quantity }) => ({ sku, quantity })) ?? null,
    }));
    return { messaging: await readMessaging(db), shipping: { shipments } };
  });

export default audit;

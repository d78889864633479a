import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Auditor } from "@molecart/mixins/verify/auditor.ts";
import { readMessaging } from "@molecart/mixins/verify/messaging-facts.ts";

const audit: Auditor = (stores) =>
  stores.sql<MessagingTables, Awaited<ReturnType<Auditor>>>("users", async (db) => ({ messaging: await readMessaging(db) }));

export default audit;

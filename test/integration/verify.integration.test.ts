import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { MolecartClient } from "@molecart/client";
import { buy, openShop, type ShopAddresses, signUp } from "@molecart/client/demo/customer.ts";
import { scenarios } from "@molecart/client/demo/scenarios.ts";
import type { Order } from "@molecart/mixins/contracts/orders.ts";
import type { DemoLogin } from "@molecart/mixins/contracts/users.ts";
import { offsetClock } from "@molecart/mixins/lib/clock.ts";
import { StoreUnreadable, type VerifyReport, verifyShop } from "@molecart/mixins/verify/index.ts";
import { startEmbeddedShop } from "../support/embedded-shop.ts";
import { eventually } from "../support/eventually.ts";
import type { ShopProcess } from "../support/shop-process.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

jest.setTimeout(180_000);

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PLAY_FOR_MS = 60_000;

type Row = Record<string, SQLInputValue>;

/** A copy of the shop's stores, for a test to damage. */
class Damage {
  readonly dataDir = temporaryDataDir();

  constructor(original: string) {
    cpSync(original, this.dataDir, { recursive: true });
  }

  /** Past every check and reference of the tables: what a fault of the program, or of an operator, could do. */
  sql(store: string, statement: string, ...values: SQLInputValue[]): Row[] {
    const db = new DatabaseSync(`${this.dataDir}/${store}.db`);
    try {
      db.exec("pragma ignore_check_constraints = on; pragma foreign_keys = off");
      return db.prepare(statement).all(...values) as Row[];
    } finally {
      db.close();
    }
  }

  row(store: string, query: string, ...values: SQLInputValue[]): Row {
    const [found] = this.sql(store, query, ...values);
    if (found === undefined) throw new Error(`Nothing in ${store}: ${query}`);
    return found;
  }

  /** Of an order that ended so. */
  order(status: string): string {
    return this.row("orders", "select id from orders where status = ? order by id limit 1", status).id as string;
  }

  documents(collection: string): Record<string, unknown>[] {
    const lines = readFileSync(`${this.dataDir}/${collection}.nedb`, "utf8").split("\n").filter(Boolean);
    const latest = new Map(lines.map((line) => JSON.parse(line)).map((document) => [document._id, document]));
    return [...latest.values()].filter(({ _id, $$deleted }) => _id !== undefined && $$deleted !== true);
  }

  append(collection: string, document: object): void {
    appendFileSync(`${this.dataDir}/${collection}.nedb`, `${JSON.stringify(document)}\n`);
  }

  verify(): Promise<VerifyReport> {
    return verifyShop({ DATA_DIR: this.dataDir }, { settleMs: 0 });
  }
}

const offencesOf = (report: VerifyReport, invariant: string): string[] => {
  const check = report.checks.find((one) => one.invariant === invariant);
  if (check === undefined) throw new Error(`There is no invariant "${invariant}"`);
  return check.offences;
};

const HOUR_MS = 3_600_000;
const anHourAgo = () => new Date(Date.now() - HOUR_MS).toISOString();

const REFUNDS = "every refund is paid back and booked, none waits for an operator";
const RETURNS = "returned goods are restocked and paid back once";

/** Each line: the invariant, a way to break it, and what is to be said of it. `damage` answers the words that name the offender. */
const BREAKS: { invariant: string; how: string; damage(d: Damage): string[]; says: RegExp }[] = [
  {
    invariant: "accepted orders exist",
    how: "an accepted order has vanished",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("orders", "delete from order_history where order_id = ?", id);
      d.sql("orders", "delete from orders where id = ?", id);
      return [id];
    },
    says: /was accepted and does not exist/,
  },
  {
    invariant: "accepted orders exist",
    how: "the announcement of an order has vanished",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("orders", "delete from outbox where aggregate_id = ? and type = 'order.created'", id);
      return [id];
    },
    says: /is not announced exactly once/,
  },
  {
    invariant: "accepted orders exist",
    how: "an order costs another amount than was answered",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("orders", "update orders set totals = json_set(totals, '$.total.amount', 1) where id = ?", id);
      return [id, "1 instead of"];
    },
    says: /another total than was answered/,
  },
  {
    invariant: "accepted orders exist",
    how: "an order's taxes are not its tax",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("orders", "update orders set totals = json_set(totals, '$.taxes[0].amount.amount', 1) where id = ?", id);
      return [id];
    },
    says: /has a total that does not add up/,
  },
  {
    invariant: "orders are in the state that their events lead to",
    how: "an order is confirmed without a payment",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("orders", "delete from inbox where aggregate_id = ? and type = 'payment.completed'", id);
      return [id];
    },
    says: /is paid without its cause/,
  },
  {
    invariant: "orders are in the state that their events lead to",
    how: "a processed event has had no effect",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("orders", "update orders set status = 'reserved' where id = ?", id);
      d.sql("orders", "delete from order_history where order_id = ? and seq > 2", id);
      return [id, "should be confirmed"];
    },
    says: /is not where payment\.completed has led it/,
  },
  {
    invariant: "orders are in the state that their events lead to",
    how: "a step was taken that nothing leads to",
    damage: (d) => {
      const id = d.order("delivered");
      d.sql("orders", "update orders set status = 'cancelled' where id = ?", id);
      d.sql("orders", "insert into order_history (order_id, seq, status, at) values (?, 99, 'cancelled', ?)", id, anHourAgo());
      return [id, "delivered > cancelled"];
    },
    says: /took a step that nothing leads to/,
  },
  {
    invariant: "orders are in the state that their events lead to",
    how: "a cancellation was told to nobody",
    damage: (d) => {
      const id = d.order("cancelled");
      d.sql("orders", "delete from outbox where aggregate_id = ? and type = 'order.cancelled'", id);
      return [id, "order.cancelled sent 0 times"];
    },
    says: /is not cancelled and announced as such once/,
  },
  {
    invariant: "one reservation outcome per order",
    how: "a confirmed order's reservation has vanished",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("inventory", "delete from reservation where order_id = ?", id);
      return [id];
    },
    says: /has no reservation/,
  },
  {
    invariant: "one reservation outcome per order",
    how: "a cancelled order still holds stock",
    damage: (d) => {
      const id = d.order("cancelled");
      d.sql("inventory", "update reservation set status = 'held', released_by = null where order_id = ?", id);
      return [id, "reservation held instead of released"];
    },
    says: /has not the reservation that its state calls for/,
  },
  {
    invariant: "one reservation outcome per order",
    how: "an order was told two outcomes",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql(
        "inventory",
        "insert into outbox (event_id, type, aggregate_id, envelope, created_at, published_at) select 'second', 'stock.rejected', aggregate_id, envelope, created_at, published_at from outbox where aggregate_id = ? and type = 'stock.reserved'",
        id,
      );
      return [id];
    },
    says: /several reservation outcomes/,
  },
  {
    invariant: "one reservation outcome per order",
    how: "other units are reserved than ordered",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("inventory", `update reservation set lines = '[{"sku":"OTHER","quantity":1}]' where order_id = ?`, id);
      return [id, "1 × OTHER instead of"];
    },
    says: /other units reserved than ordered/,
  },
  {
    invariant: "stock on hand, reserved and sold is exact, and never oversold",
    how: "a unit has appeared",
    damage: (d) => {
      const { sku } = d.row("inventory", "select sku from stock where sold > 0 limit 1");
      d.sql("inventory", "update stock set on_hand = on_hand + 1 where sku = ?", sku as string);
      return [sku as string];
    },
    says: /not on hand what its movements add up to/,
  },
  {
    invariant: "stock on hand, reserved and sold is exact, and never oversold",
    how: "a unit was sold twice",
    damage: (d) => {
      const { sku } = d.row("inventory", "select sku from stock where sold > 0 limit 1");
      d.sql("inventory", "update stock set sold = sold + 1, on_hand = on_hand - 1 where sku = ?", sku as string);
      return [sku as string];
    },
    says: /not sold what was committed to orders/,
  },
  {
    invariant: "stock on hand, reserved and sold is exact, and never oversold",
    how: "more is reserved than there is",
    damage: (d) => {
      const { sku } = d.row("inventory", "select sku from stock limit 1");
      d.sql("inventory", "update stock set reserved = on_hand + 1 where sku = ?", sku as string);
      return [sku as string];
    },
    says: /is oversold/,
  },
  {
    invariant: "stock on hand, reserved and sold is exact, and never oversold",
    how: "an order's units have left twice",
    damage: (d) => {
      const { order_id: id } = d.row("inventory", "select order_id from reservation where status = 'committed' limit 1");
      d.sql(
        "inventory",
        "insert into stock_movement select 'again' || id, sku, kind, quantity, order_id, at from stock_movement where order_id = ?",
        id as string,
      );
      return [id as string];
    },
    says: /other units moved than sold to it/,
  },
  {
    invariant: "one charge outcome per order, at the provider too",
    how: "a card was charged twice",
    damage: (d) => {
      const id = d.order("confirmed");
      const payment = d.row("payments", "select id from payment where order_id = ?", id);
      d.sql(
        "payments",
        "insert into sandbox_charge select ?, 'ch_second', amount, currency, status, decline_code, brand, last4, created_at from sandbox_charge where idempotency_key = ?",
        `${payment.id}:again`,
        payment.id as string,
      );
      return [id, "ch_second"];
    },
    says: /was charged more than once/,
  },
  {
    invariant: "one charge outcome per order, at the provider too",
    how: "a cancelled order's money was not given back",
    damage: (d) => {
      const { order_id: id } = d.row("payments", "select order_id from payment where status = 'refunded' limit 1");
      d.sql("payments", "delete from sandbox_refund");
      return [id as string, "instead of 0"];
    },
    says: /not at the provider what it owes/,
  },
  {
    invariant: "one charge outcome per order, at the provider too",
    how: "a charge is for no order of ours",
    damage: (d) => {
      d.sql(
        "payments",
        "insert into sandbox_charge (idempotency_key, charge_id, amount, currency, status, created_at) values ('nobody', 'ch_nobody', 5, 'EUR', 'succeeded', ?)",
        anHourAgo(),
      );
      return ["ch_nobody"];
    },
    says: /is for no payment/,
  },
  {
    invariant: "one charge outcome per order, at the provider too",
    how: "a sold order's payment has vanished",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("payments", "delete from payment where order_id = ?", id);
      return [id];
    },
    says: /has no payment/,
  },
  {
    invariant: REFUNDS,
    how: "the provider has refused a refund and nobody has settled it",
    damage: (d) => {
      const { id } = d.row("payments", "select id from refund where status = 'settled'");
      d.sql("payments", "update refund set status = 'refused', method = null, reference = null where id = ?", id as string);
      return [id as string, "card_closed"];
    },
    says: /was refused by the provider and waits for an operator/,
  },
  {
    invariant: REFUNDS,
    how: "a refund that went past the provider is booked as if it had not",
    damage: (d) => {
      const { id } = d.row("payments", "select id from refund where status = 'settled'");
      d.sql("payments", "update ledger_entry set account = 'provider_receivable' where account = 'bank'");
      return [id as string];
    },
    says: /is not booked as its state calls for/,
  },
  {
    invariant: REFUNDS,
    how: "a booked refund has vanished",
    damage: (d) => {
      const { id } = d.row("payments", "select id from refund where status = 'succeeded' and cause = 'return'");
      d.sql("payments", "delete from refund where id = ?", id as string);
      return [id as string];
    },
    says: /is booked and does not exist/,
  },
  {
    invariant: RETURNS,
    how: "returned goods are not back on the shelf",
    damage: (d) => {
      const { order_id: id } = d.row("orders", "select order_id from return_request");
      d.sql("inventory", "delete from stock_movement where kind = 'returned'");
      return [id as string, "nothing instead of"];
    },
    says: /has other units back on the shelves than its returns say/,
  },
  {
    invariant: RETURNS,
    how: "goods are back on the shelf that nobody has returned",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql(
        "inventory",
        "insert into stock_movement (id, sku, kind, quantity, order_id, at) select 'more', sku, 'returned', 1, order_id, at from stock_movement where order_id = ? limit 1",
        id,
      );
      return [id, "instead of nothing"];
    },
    says: /has other units back on the shelves than its returns say/,
  },
  {
    invariant: RETURNS,
    how: "more has come back than was bought",
    damage: (d) => {
      const { order_id: id } = d.row("orders", "select order_id from return_request");
      d.sql("orders", "update return_request set received = json_set(received, '$[0].quantity', 98)");
      return [id as string, "98 × "];
    },
    says: /has more returned than bought/,
  },
  {
    invariant: RETURNS,
    how: "a return was paid back with another amount",
    damage: (d) => {
      const { id } = d.row("orders", "select id from return_request");
      d.sql("orders", "update return_request set refund = refund + 1");
      return [id as string];
    },
    says: /was paid back another amount than it says/,
  },
  {
    invariant: RETURNS,
    how: "a received return's money is forgotten",
    damage: (d) => {
      const { id } = d.row("orders", "select id from return_request");
      d.sql("orders", "update return_request set status = 'received'");
      d.sql("payments", "update refund set cause = 'staff', cause_id = '' where cause = 'return'");
      return [id as string];
    },
    says: /is received, and its money is not settled/,
  },
  {
    invariant: RETURNS,
    how: "a refund is for no return",
    damage: (d) => {
      const { id } = d.row("payments", "select id from refund where cause = 'return'");
      d.sql("payments", "update refund set cause_id = 'nowhere' where cause = 'return'");
      return [id as string, "nowhere"];
    },
    says: /is for no return/,
  },
  {
    invariant: "the ledger balances, to zero and to the orders",
    how: "one side of a booking was changed",
    damage: (d) => {
      const { id } = d.row("payments", "select id from ledger_entry where debit > 0 limit 1");
      d.sql("payments", "update ledger_entry set debit = debit + 1 where id = ?", id as string);
      return ["EUR"];
    },
    says: /does not balance/,
  },
  {
    invariant: "the ledger balances, to zero and to the orders",
    how: "both sides of a booking were changed",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql(
        "payments",
        "update ledger_entry set debit = debit * 2, credit = credit * 2 where order_id = ? and kind = 'capture'",
        id,
      );
      return [id];
    },
    says: /not in the ledger what its order owes/,
  },
  {
    invariant: "the ledger balances, to zero and to the orders",
    how: "a capture was never booked",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("payments", "delete from ledger_entry where order_id = ?", id);
      return [id];
    },
    says: /not the capture that its state calls for/,
  },
  {
    invariant: "the ledger balances, to zero and to the orders",
    how: "a refund was booked that nobody was told of",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql(
        "payments",
        "insert into ledger_entry select 'back' || id, payment_id, order_id, 'refund', 're_x', account, credit, debit, currency, at from ledger_entry where order_id = ?",
        id,
      );
      return [id];
    },
    says: /other refunds booked than announced/,
  },
  {
    invariant: "one shipment per sold order, none for others",
    how: "a sold order has no shipment",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("shipping", "delete from shipment_history where shipment_id in (select id from shipment where order_id = ?)", id);
      d.sql("shipping", "delete from shipment where order_id = ?", id);
      return [id];
    },
    says: /is sold and has no shipment/,
  },
  {
    invariant: "one shipment per sold order, none for others",
    how: "a cancelled order's parcel has left",
    damage: (d) => {
      const id = d.order("cancelled");
      d.sql("shipping", "update shipment set status = 'dispatched' where order_id = ?", id);
      return [id];
    },
    says: /is cancelled, and its parcel has left/,
  },
  {
    invariant: "one shipment per sold order, none for others",
    how: "a second parcel was made",
    damage: (d) => {
      const id = d.order("confirmed");
      // The table's own key forbids it.
      const { sql: table } = d.row("shipping", "select sql from sqlite_master where name = 'shipment'");
      d.sql("shipping", "alter table shipment rename to original");
      d.sql("shipping", (table as string).replace("order_id text not null unique", "order_id text not null"));
      d.sql("shipping", "insert into shipment select * from original");
      d.sql("shipping", "update original set id = 'second' where order_id = ?", id);
      d.sql("shipping", "insert into shipment select * from original where order_id = ?", id);
      return [id, "second"];
    },
    says: /has several shipments/,
  },
  {
    invariant: "one shipment per sold order, none for others",
    how: "a parcel is elsewhere than its order says",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("shipping", "update shipment set status = 'cancelled' where order_id = ?", id);
      return [id, "confirmed, shipment cancelled"];
    },
    says: /is not where its parcel is/,
  },
  {
    invariant: "every outbox row is published, or waits for its turn",
    how: "an event was overtaken by a later one of its order",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("orders", "update outbox set published_at = null where aggregate_id = ? and type = 'order.created'", id);
      return [id, "order.created"];
    },
    says: /is unpublished, and a later event of its aggregate is not/,
  },
  {
    invariant: "every published event has reached each of its consumers",
    how: "an event is lost on its way",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("shipping", "delete from inbox where aggregate_id = ? and type = 'order.confirmed'", id);
      return [id, "order.confirmed", "shipping"];
    },
    says: /is lost: shipping knows nothing of it/,
  },
  {
    invariant: "every published event has reached each of its consumers",
    how: "an event is lost on its way to a document store",
    damage: (d) => {
      const noted = d.documents("notifications_inbox").find(({ type }) => type === "order.created");
      d.append("notifications_inbox", { _id: noted?._id, $$deleted: true });
      return [noted?._id as string, "notifications"];
    },
    says: /is lost: notifications knows nothing of it/,
  },
  {
    invariant: "every published event has reached each of its consumers",
    how: "an event had an effect that nobody has sent",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("payments", "delete from outbox where aggregate_id = ? and type = 'payment.completed'", id);
      return [id, "payment.completed"];
    },
    says: /was processed by orders, and nobody has sent it/,
  },
  {
    invariant: "no dead letter waits for an operator",
    how: "an event is a dead letter of a SQL store",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql(
        "inventory",
        "update inbox set status = 'dead', error_code = 'STOCK_NOT_HELD', error_message = 'nothing is held' where aggregate_id = ? and type = 'order.confirmed'",
        id,
      );
      return [id, "order.confirmed", "STOCK_NOT_HELD: nothing is held"];
    },
    says: /is a dead letter of inventory/,
  },
  {
    invariant: "no dead letter waits for an operator",
    how: "an event is a dead letter of a document store",
    damage: (d) => {
      const [noted] = d.documents("notifications_inbox");
      d.append("notifications_inbox", { ...noted, status: "dead", error: { code: "BROKEN", message: "no template" } });
      return [noted?._id as string, "BROKEN: no template"];
    },
    says: /is a dead letter of notifications/,
  },
  {
    invariant: "exactly one notification per event, channel and recipient",
    how: "a customer was told twice",
    damage: (d) => {
      const [told] = d.documents("notifications");
      d.append("notifications", { ...told, _id: "second" });
      return [told?.eventId as string, "second"];
    },
    says: /was told more than once by email/,
  },
  {
    invariant: "exactly one notification per event, channel and recipient",
    how: "a customer was not told",
    damage: (d) => {
      const told = d.documents("notifications").find(({ template }) => template === "payment-receipt");
      d.append("notifications", { _id: told?._id, $$deleted: true });
      return [told?.eventId as string, told?.to as string];
    },
    says: /was not told to its customer by email/,
  },
  {
    invariant: "exactly one notification per event, channel and recipient",
    how: "somebody else was told",
    damage: (d) => {
      const [told] = d.documents("notifications");
      d.append("notifications", { ...told, to: "stranger@molecart.example" });
      return [told?._id as string, "stranger@molecart.example"];
    },
    says: /went to somebody else/,
  },
  {
    invariant: "exactly one notification per event, channel and recipient",
    how: "a customer was told of nothing",
    damage: (d) => {
      const [told] = d.documents("notifications");
      d.append("notifications", { ...told, _id: "phantom", eventId: "no-event" });
      return ["phantom", "no-event"];
    },
    says: /tells of an event that nobody has sent/,
  },
  {
    invariant: "exactly one notification per event, channel and recipient",
    how: "a message was given up",
    damage: (d) => {
      const [told] = d.documents("notifications");
      d.append("notifications", { ...told, status: "failed", attempts: 12, lastError: "mailbox unknown" });
      return [told?._id as string, "mailbox unknown"];
    },
    says: /was given up and needs an operator/,
  },
  {
    invariant: "nothing is past its deadline, or without one",
    how: "an open order has no deadline",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("orders", "update orders set status = 'reserved' where id = ?", id);
      d.sql("orders", "delete from order_history where order_id = ? and seq > 2", id);
      return [id];
    },
    says: /is open and has no payment deadline/,
  },
  {
    invariant: "nothing is past its deadline, or without one",
    how: "an open order is past its deadline",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("orders", "update orders set status = 'reserved' where id = ?", id);
      d.sql("orders", "delete from order_history where order_id = ? and seq > 2", id);
      d.sql(
        "orders",
        "insert into job (id, kind, aggregate_id, data, due_at, created_at) values (?, 'payment-due', ?, 'null', ?, ?)",
        `payment-due:${id}`,
        id,
        Date.now() - HOUR_MS,
        anHourAgo(),
      );
      return [id, "due 1 h 0 min ago"];
    },
    says: /is past its payment deadline/,
  },
  {
    invariant: "nothing is past its deadline, or without one",
    how: "a reservation is past its expiry",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("inventory", "update reservation set status = 'held', expires_at = ? where order_id = ?", anHourAgo(), id);
      d.sql(
        "inventory",
        "insert into job (id, kind, aggregate_id, data, due_at, created_at) values ('e', 'reservation-expiry', ?, 'null', ?, ?)",
        id,
        Date.now() - HOUR_MS,
        anHourAgo(),
      );
      return [id];
    },
    says: /reservation of .* is past its expiry/,
  },
  {
    invariant: "nothing is past its deadline, or without one",
    how: "nothing works on a payment that is being charged",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql("payments", "update payment set status = 'charging' where order_id = ?", id);
      return [id];
    },
    says: /is charging and nothing works on it/,
  },
  {
    invariant: "nothing is past its deadline, or without one",
    how: "nothing works on a refund that is promised",
    damage: (d) => {
      const { id } = d.row("payments", "select id from refund where cause = 'return'");
      d.sql("payments", "update refund set status = 'pending', provider_refund_id = null where cause = 'return'");
      return [id as string];
    },
    says: /is promised and nothing works on it/,
  },
  {
    invariant: "nothing is past its deadline, or without one",
    how: "a job is taken by nobody",
    damage: (d) => {
      const id = d.order("confirmed");
      d.sql(
        "payments",
        "insert into job (id, kind, aggregate_id, data, due_at, created_at) values ('stuck', 'charge', ?, 'null', ?, ?)",
        id,
        Date.now() - HOUR_MS,
        anHourAgo(),
      );
      return ["job stuck of payments"];
    },
    says: /is overdue beyond its lease/,
  },
  {
    invariant: "the inventory knows the catalogue",
    how: "a SKU can be ordered and not reserved",
    damage: (d) => {
      const { sku } = d.row("inventory", "select sku from stock where sold = 0 limit 1");
      d.sql("inventory", "delete from stock_movement where sku = ?", sku as string);
      d.sql("inventory", "delete from stock where sku = ?", sku as string);
      return [sku as string];
    },
    says: /is in the catalogue and unknown to the inventory/,
  },
  {
    invariant: "carts can be read",
    how: "a cart is damaged",
    damage: (d) => {
      d.sql("carts", "insert into cart (id, lines, expires_at) values ('guest:broken', '[{', 9999999999999)");
      return ["guest:broken"];
    },
    says: /cannot be read/,
  },
];

describe("npm run verify", () => {
  let shop: ShopProcess;
  let addresses: ShopAddresses;
  let dataDir: string;
  let running: VerifyReport;
  const damages: Damage[] = [];

  const run = (...args: string[]) =>
    spawnSync(process.execPath, ["mixins/commands/verify.ts", ...args], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, DATA_DIR: dataDir },
      encoding: "utf8",
    });

  const damaged = (): Damage => {
    const damage = new Damage(dataDir);
    damages.push(damage);
    return damage;
  };

  /** A delivered order of two SKUs at most comes back: a part to the shelf, the rest not. */
  const giveBack = async (client: MolecartClient, staff: MolecartClient, order: Order): Promise<void> => {
    const [{ sku }] = order.lines as [Order["lines"][number]];
    const wanted = { lines: [{ sku, quantity: 1 }], reason: "does not fit" };
    const { return: returned } = await client.requestReturn({ id: order.id, body: wanted });
    await staff.receiveReturn({ id: returned.id, body: { lines: [{ sku, quantity: 1, restock: true }] } });
    await eventually(async () => {
      const { items } = await client.listReturns({ id: order.id });
      expect(items.map(({ status }) => status)).toEqual(["refunded"]);
    });
  };

  /** A cancelled order whose card takes nothing back, until staff pays by bank. */
  const payBackByBank = async (client: MolecartClient, staff: MolecartClient, order: Order): Promise<void> => {
    await client.cancelOrder({ id: order.id, body: { reason: "changed my mind" } });
    const refund = await eventually(async () => {
      const { items } = await staff.listRefusedRefunds({ status: "refused" });
      const found = items.find(({ orderId }) => orderId === order.id);
      if (found === undefined) throw new Error("The refund was not refused yet");
      return found;
    });
    const unsettled = await verifyShop({ DATA_DIR: dataDir });
    expect(offencesOf(unsettled, "every refund is paid back and booked, none waits for an operator")).toEqual([
      expect.stringMatching(new RegExp(`${refund.id} .*was refused by the provider and waits for an operator .*card_closed`)),
    ]);
    expect(unsettled.checks.flatMap(({ offences }) => offences)).toHaveLength(1);
    const body = { method: "bank_transfer", reference: "SEPA 17", reason: "card is closed" } as const;
    await staff.settleRefund({ id: refund.id, body });
  };

  /** Orders of every kind: bought with each card, cancelled by the customer, sent and delivered. */
  const trade = async (): Promise<void> => {
    const deadline = Date.now() + PLAY_FOR_MS;
    const logins = JSON.parse(readFileSync(`${dataDir}/demo-logins.json`, "utf8")) as DemoLogin[];
    const { email, password } = logins.find(({ role }) => role === "staff") as DemoLogin;
    const staff = openShop(addresses, deadline);
    await staff.login({ body: { email, password } });
    const customers = await Promise.all(
      scenarios.map(async (scenario, index) => {
        const client = openShop(addresses, deadline);
        await signUp(client, `Verified ${index}`);
        return { client, order: await buy(client, scenario, deadline) };
      }),
    );
    const { client } = customers[0] as (typeof customers)[number];
    const scenario = scenarios[0] as (typeof scenarios)[number];

    const unwanted = await buy(client, scenario, deadline);
    await client.cancelOrder({ id: unwanted.id, body: { reason: "changed my mind" } });
    const sent = await buy(client, scenario, deadline);
    const shipment = await eventually(() => staff.getShipment({ id: sent.id }));
    await staff.dispatchShipment({ id: shipment.id, body: { carrier: "Quayside Post", trackingNumber: "QP1" } });
    await staff.deliverShipment({ id: shipment.id });
    const ofAClosedCard = await buy(client, { ...scenario, card: "4000000000005126" }, deadline);
    await payBackByBank(client, staff, ofAClosedCard);
    const statusOf = async ({ id }: Order) => (await client.getOrder({ id })).status;
    await eventually(async () => expect(await statusOf(sent)).toBe("delivered"));
    await giveBack(client, staff, sent);
    await eventually(async () => expect([await statusOf(unwanted), await statusOf(sent)]).toEqual(["refunded", "delivered"]), {
      withinMs: 30_000,
    });
  };

  beforeAll(async () => {
    ({ shop, dataDir, addresses } = await startEmbeddedShop());
    await trade();
    running = await verifyShop({ DATA_DIR: dataDir });
    await shop.kill();
  });
  afterAll(async () => {
    await shop?.kill();
    removeDataDirs();
  });

  test("finds a running shop in order, without disturbing it", () => {
    expect(running).toMatchObject({ ok: true, pending: [] });
  });

  test("finds a killed shop in order, and leaves its stores to their owner", async () => {
    const report = await verifyShop({ DATA_DIR: dataDir });
    expect(report).toMatchObject({ ok: true, pending: [] });
    expect(report.checks.filter(({ checked }) => checked === 0).map(({ invariant }) => invariant)).toEqual(
      report.checks.filter(({ invariant }) => invariant === "carts can be read").map(({ invariant }) => invariant),
    );
    await shop.start();
    await expect(verifyShop({ DATA_DIR: dataDir })).resolves.toMatchObject({ ok: true });
    await expect(shop.stop()).resolves.toBe(0);
    const files = readdirSync(dataDir).sort();
    await expect(verifyShop({ DATA_DIR: dataDir })).resolves.toMatchObject({ ok: true, pending: [] });
    expect(readdirSync(dataDir).sort()).toEqual(files);
  });

  test.each(BREAKS)("names the offender when $how", async ({ invariant, damage, says }) => {
    const damaging = damaged();
    const named = damage(damaging);
    const report = await damaging.verify();
    expect(report.ok).toBe(false);
    expect(offencesOf(report, invariant)).toContainEqual(expect.stringMatching(says));
    for (const words of named) expect(offencesOf(report, invariant).join("\n")).toContain(words);
  });

  test("breaks every invariant that it has in these tests", () => {
    expect(new Set(running.checks.map(({ invariant }) => invariant))).toEqual(new Set(BREAKS.map(({ invariant }) => invariant)));
  });

  test("calls what waits for its turn pending, with its age, and not broken", async () => {
    const damage = damaged();
    const { event_id: last } = damage.row("shipping", "select event_id from outbox order by seq desc limit 1");
    damage.sql("shipping", "update outbox set published_at = null where event_id = ?", last as string);
    const report = await damage.verify();
    expect(report.ok).toBe(true);
    expect(report.pending).toEqual([expect.stringMatching(new RegExp(`${last} of shipping .* waits in the outbox for`))]);
  });

  test("calls an event that the bus still has pending, and so one that failed or is parked", async () => {
    const damage = damaged();
    const id = damage.order("confirmed");
    const { event_id: confirmed } = damage.row(
      "shipping",
      "select event_id from inbox where aggregate_id = ? and type = 'order.confirmed'",
      id,
    );
    damage.sql("shipping", "delete from inbox where event_id = ?", confirmed as string);
    damage.sql("shipping", "delete from shipment where order_id = ?", id);
    damage.sql(
      "events",
      "insert into delivery (consumer, seq, due_at) select 'shipping__order-confirmed', seq, 0 from event where id = ?",
      confirmed as string,
    );
    const delivered = damage.order("delivered");
    damage.sql("orders", "update inbox set status = 'parked' where aggregate_id = ? and type = 'stock.reserved'", delivered);
    damage.sql(
      "inventory",
      "update inbox set status = 'failed', attempts = 3, error_code = 'NOT_RESERVED_YET' where aggregate_id = ? and type = 'order.confirmed'",
      delivered,
    );
    const report = await damage.verify();
    expect(report.checks.flatMap(({ offences }) => offences)).toEqual([]);
    expect(report.pending.sort()).toEqual([
      expect.stringMatching(/^order\.confirmed .* waits for shipping in the event bus/),
      expect.stringMatching(/^order\.confirmed .* has failed 3 times at inventory and will be tried again: NOT_RESERVED_YET/),
      expect.stringMatching(/^stock\.reserved .* waits at orders .*: it is parked/),
    ]);
  });

  test("asks for nothing more of an event that an operator has discarded", async () => {
    const damage = damaged();
    const id = damage.order("confirmed");
    damage.sql("shipping", "update inbox set status = 'discarded' where aggregate_id = ? and type = 'order.confirmed'", id);
    damage.sql("shipping", "delete from shipment where order_id = ?", id);
    await expect(damage.verify()).resolves.toMatchObject({ ok: true, pending: [] });
  });

  test("does not hold the night against a shop that was stopped in good order", async () => {
    await expect(verifyShop({ DATA_DIR: dataDir }, { settleMs: 0, clock: offsetClock(72 * HOUR_MS) })).resolves.toMatchObject({
      ok: true,
    });
  });

  test("ignores an append to a document file that a kill has cut short, and reads one whose compaction was", async () => {
    const damage = damaged();
    appendFileSync(`${damage.dataDir}/notifications.nedb`, '{"_id":"half');
    cpSync(`${damage.dataDir}/products.nedb`, `${damage.dataDir}/products.nedb~`);
    rmSync(`${damage.dataDir}/products.nedb`);
    await expect(damage.verify()).resolves.toMatchObject({ ok: true });
  });

  test.each([
    ["a SQL store that is missing", "orders.db", (d: Damage) => rmSync(`${d.dataDir}/orders.db`)],
    ["a SQL store that is none", "payments.db", (d: Damage) => writeFileSync(`${d.dataDir}/payments.db`, "x".repeat(5_000))],
    ["a document store that is missing", "notifications.nedb", (d: Damage) => rmSync(`${d.dataDir}/notifications.nedb`)],
    ["a damaged line of a document store", "products.nedb", (d: Damage) => appendFileSync(`${d.dataDir}/products.nedb`, "{]\n")],
    ["an event bus that is missing", "events.db", (d: Damage) => rmSync(`${d.dataDir}/events.db`)],
  ])("proves nothing with %s, and names it", async (_, file, damage) => {
    const damaging = damaged();
    damage(damaging);
    const failure = await damaging.verify().catch((error) => error);
    expect(failure).toBeInstanceOf(StoreUnreadable);
    expect(failure.message).toContain(file);
  });

  test("exits with 0 and a table, or a report for machines, when all is in order", () => {
    const { status, stdout } = run("--settle", "0");
    expect(stdout).toMatch(/accepted orders exist +\d+ +ok/);
    expect(stdout).toContain("Every invariant holds.");
    expect(status).toBe(0);
    expect(JSON.parse(run("--json").stdout)).toMatchObject({ ok: true, checks: expect.any(Array), pending: [] });
  });

  test("exits with 1 when an invariant is broken, 2 when a store cannot be read or the command is wrong", () => {
    const original = dataDir;
    const damage = damaged();
    const id = damage.order("confirmed");
    damage.sql("shipping", "delete from shipment where order_id = ?", id);
    dataDir = damage.dataDir;
    const broken = run("--settle", "0");
    dataDir = `${original}/nowhere`;
    const unreadable = run();
    dataDir = original;
    expect(broken.stdout).toMatch(new RegExp(`BROKEN 1 times[^]*BROKEN: one shipment[^]*${id}.*is sold and has no shipment`));
    expect(broken.status).toBe(1);
    expect(unreadable.stderr).toMatch(/STORE_UNREADABLE: The .*events.*nowhere\/events\.db/);
    expect(unreadable.status).toBe(2);
    expect(run("--settle", "soon").status).toBe(2);
  });
});

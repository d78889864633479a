import type { OrderStatus, ReturnStatus } from "../contracts/orders.ts";
import type { PaymentStatus, RefundStatus } from "../contracts/payments.ts";
import type { ShipmentStatus } from "../contracts/shipping.ts";
import type { Money } from "../lib/money.ts";

/** What the services' stores say, without any judgement. Each service's auditor reads its own part; the invariants compare
 *  the parts. Times are ISO 8601, amounts minor units. */
export interface Facts extends Partial<DomainFacts> {
  /** By service: what it has sent, received and scheduled. */
  messaging: ReadonlyMap<string, MessagingFacts>;
  /** Which services must hear of an event: their durable handlers. */
  consumersOf: ReadonlyMap<string, readonly string[]>;
  bus: BusFacts;
}

export interface DomainFacts {
  orders: OrdersFacts;
  inventory: InventoryFacts;
  payments: PaymentsFacts;
  shipping: ShippingFacts;
  notifications: NotificationsFacts;
  carts: CartsFacts;
  catalogue: CatalogueFacts;
}

/** What an auditor answers. */
export interface ServiceFacts extends Partial<DomainFacts> {
  messaging: MessagingFacts;
}

export interface MessagingFacts {
  outbox: OutboxFact[];
  inbox: InboxFact[];
  jobs: JobFact[];
  /** Events that are sent stay in the outbox. (A document's outbox holds only what is still to be sent.) */
  outboxIsKept: boolean;
  /** How long the inbox remembers a processed event, in milliseconds; null: for ever. */
  inboxKeepsMs: number | null;
  /** Events and entries that were finished before this time may have been taken out; null or absent: none was. */
  trimmedBefore?: string | null;
  /** The bus' store that the outbox was published to, and the rows (after the one, up to the other) that are still to be sent
   *  again because another was lost. Null or absent where the outbox keeps nothing that is sent. */
  stream?: { id: string; resendAfter: number; resendUntil: number } | null;
}

export interface OutboxFact {
  eventId: string;
  type: string;
  aggregateId: string;
  /** The order of sending within an aggregate. */
  seq: number;
  createdAt: string;
  publishedAt: string | null;
  /** Of the customer whom the event is about. */
  email: string | null;
  /** Of the money that it tells of. */
  amount: number | null;
}

export interface InboxFact {
  eventId: string;
  type: string;
  aggregateId: string;
  /** processed, failed, dead, discarded; any other one means that it waits. */
  status: string;
  attempts: number;
  receivedAt: string;
  error: string | null;
}

export interface JobFact {
  id: string;
  kind: string;
  aggregateId: string;
  /** Milliseconds since the epoch. */
  dueAt: number;
  attempts: number;
  lastError: string | null;
}

/** What the event bus still has to deliver, by the consumer's name (see `consumerName`). A consumer that is not there has never
 *  subscribed: whatever the bus keeps waits for it. */
export interface BusFacts {
  consumers: ReadonlyMap<string, Backlog>;
  /** The identity of its store; absent where it has none yet. */
  storeId?: string | undefined;
}

export interface Backlog {
  count: number;
  /** The ids of the events that wait; null where the bus tells only how many there are. */
  eventIds: ReadonlySet<string> | null;
}

export interface Units {
  sku: string;
  quantity: number;
}

export interface OrderFact {
  id: string;
  number: string;
  status: OrderStatus;
  lines: Units[];
  total: Money;
  /** What the total is made of, minor units, and the taxes by class; null where an order of before does not say them. */
  sums?: { items: number; shipping: number; tax: number; taxes: number[] | null };
  /** Oldest first. */
  history: { status: OrderStatus; at: string }[];
  createdAt: string;
}

export interface ReturnFact {
  id: string;
  orderId: string;
  status: ReturnStatus;
  /** What has arrived; empty until it has. */
  received: (Units & { restock: boolean })[];
  /** What the received lines are worth; once refunded, what was paid back. Null until they are received. */
  refund: number | null;
}

export interface OrdersFacts {
  orders: OrderFact[];
  returns: ReturnFact[];
  /** What customers were answered: an accepted order each. */
  answers: { userId: string; key: string; orderId: string; number: string; total: Money }[];
  /** Status -> what happens -> the statuses that are run through. */
  transitions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** From the acceptance to the cancellation of an order that nobody has paid. */
  paymentDueMs: number;
}

export interface InventoryFacts {
  stock: { sku: string; onHand: number; reserved: number; sold: number }[];
  reservations: {
    orderId: string;
    status: "held" | "expiring" | "committed" | "released";
    releasedBy: string | null;
    /** Null in the memory of an order whose end was heard of before its beginning. */
    expiresAt: string | null;
    lines: Units[];
  }[];
  /** Every change of what is on hand. */
  movements: { id: string; sku: string; kind: string; quantity: number; orderId: string | null }[];
}

export interface PaymentFact {
  id: string;
  orderId: string;
  status: PaymentStatus;
  amount: Money | null;
}

export interface LedgerFact {
  id: string;
  paymentId: string;
  orderId: string;
  kind: string;
  refundId: string;
  account: string;
  debit: number;
  credit: number;
  currency: string;
}

/** What the payment provider has done. */
export interface ProviderFacts {
  charges: { chargeId: string; paymentId: string; amount: number; currency: string; succeeded: boolean }[];
  refunds: { refundId: string; chargeId: string; amount: number; currency: string }[];
}

export interface RefundFact {
  id: string;
  paymentId: string;
  orderId: string;
  status: RefundStatus;
  cause: string;
  /** The return's id, of its refund. */
  causeId: string;
  amount: number;
  currency: string;
  /** Why the provider did not take it. */
  code: string | null;
  updatedAt: string;
}

export interface PaymentsFacts {
  payments: PaymentFact[];
  refunds: RefundFact[];
  ledger: LedgerFact[];
  provider: ProviderFacts;
}

export interface ShippingFacts {
  shipments: {
    id: string;
    orderId: string;
    status: ShipmentStatus;
    /** Null in the memory of an order that was cancelled before it was confirmed. */
    lines: Units[] | null;
  }[];
}

export interface NotificationsFacts {
  notifications: {
    id: string;
    eventId: string;
    channel: string;
    to: string;
    status: string;
    attempts: number;
    /** Milliseconds since the epoch. */
    nextAttemptAt: number;
    lastError: string | null;
  }[];
  /** The events that a customer is told of, over each of `channels`. */
  notifiable: readonly string[];
  channels: readonly string[];
}

export interface CartsFacts {
  carts: number;
  unreadable: { cartId: string; problem: string }[];
}

export interface CatalogueFacts {
  products: { id: string; skus: string[] }[];
}

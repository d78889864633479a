/** `npm run demo`: plays customers against a running shop and shows each order's saga as it happens. Exit status 1 if an order does not end
 *  as its card says. */
import { parseArgs } from "node:util";
import { openShop, place, readMail, signUp, watch } from "./demo/customer.ts";
import { endedRight, isFinal, type Scenario, scenarioOf } from "./demo/scenarios.ts";
import type { MolecartClient } from "./index.ts";
import type { Money, Order } from "./shop-api.ts";

const { values } = parseArgs({
  options: {
    customers: { type: "string", default: "6" },
    orders: { type: "string", default: "3" },
    seconds: { type: "string", default: "120" },
    api: { type: "string", default: process.env.API_URL ?? "http://127.0.0.1:3000" },
    payments: { type: "string", default: process.env.PAYMENTS_URL ?? "http://127.0.0.1:3001" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(
    `npm run demo -- [--customers 6] [--orders 3 (each)] [--seconds 120] [--api http://127.0.0.1:3000] [--payments http://127.0.0.1:3001]`,
  );
  process.exit(0);
}

interface Outcome {
  scenario: Scenario;
  order?: Order;
  error?: unknown;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** "129.00 EUR". Some currencies have no minor unit. */
const format = ({ amount, currency }: Money): string => {
  const digits = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
  return `${(amount / 10 ** digits).toFixed(digits)} ${currency}`;
};

const deadline = Date.now() + Number(values.seconds) * 1000;
const customers = Number(values.customers);
const ordersEach = Number(values.orders);

const lastReason = (order: Order): string | undefined => order.history.at(-1)?.reason;

const isRight = ({ scenario, order }: Outcome): boolean =>
  order !== undefined && endedRight(scenario, order.status, lastReason(order));

/** Places an order and tells of each of its steps as it happens. */
const buy = async (shop: MolecartClient, scenario: Scenario): Promise<Order> => {
  const order = await place(shop, scenario);
  return watch(shop, order, deadline, ({ status, at, reason }) => {
    const after = `+${Date.parse(at) - Date.parse(order.createdAt)} ms`;
    console.log(`  ${order.number}  ${after.padStart(10)}  ${status}${reason === undefined ? "" : ` (${reason})`}`);
  });
};

const show = (outcome: Outcome): void => {
  const { scenario, order, error } = outcome;
  const mark = isRight(outcome) ? "✓" : "✗";
  const told = order === undefined ? messageOf(error) : `${format(order.totals.total)}  ${order.status}`;
  console.log(`${mark} ${order?.number ?? "no order"}  ${told}  (${scenario.name})`);
};

const play = async (index: number): Promise<{ outcomes: Outcome[]; messages: number; retries: number }> => {
  const shop = openShop({ api: values.api, payments: values.payments }, deadline);
  const outcomes: Outcome[] = [];
  let messages = 0;
  try {
    await signUp(shop, `Demo ${index + 1}`);
    for (let n = 0; n < ordersEach; n++) {
      const scenario = scenarioOf(index * ordersEach + n);
      const outcome: Outcome = await buy(shop, scenario).then(
        (order) => ({ scenario, order }),
        (error) => ({ scenario, error }),
      );
      show(outcome);
      outcomes.push(outcome);
    }
    messages = (await readMail(shop)).length;
  } catch (error) {
    console.error(`Customer ${index + 1}: ${messageOf(error)}`);
    if (outcomes.length === 0) outcomes.push({ scenario: scenarioOf(index * ordersEach), error });
  }
  return { outcomes, messages, retries: shop.retries };
};

console.log(`${customers} customers place ${ordersEach} orders each at ${values.api}`);
const played = await Promise.all(Array.from({ length: customers }, (_, index) => play(index)));

const outcomes = played.flatMap((p) => p.outcomes);
const count = (test: (outcome: Outcome) => boolean): number => outcomes.filter(test).length;
const total = (of: (p: (typeof played)[number]) => number): number => played.reduce((sum, p) => sum + of(p), 0);
const wrong = count((outcome) => !isRight(outcome));
const summary = {
  "orders accepted": count((o) => o.order !== undefined),
  "in a final state": count((o) => o.order !== undefined && isFinal(o.order.status)),
  confirmed: count((o) => o.order !== undefined && ["confirmed", "shipped", "delivered"].includes(o.order.status)),
  cancelled: count((o) => o.order?.status === "cancelled"),
  "not as they should be": wrong,
  "messages in the inboxes": total((p) => p.messages),
  "requests repeated": total((p) => p.retries),
};
console.log();
for (const [name, value] of Object.entries(summary)) console.log(`${name.padEnd(26)} ${String(value).padStart(5)}`);
process.exitCode = wrong > 0 ? 1 : 0;

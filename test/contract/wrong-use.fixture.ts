/** Each line marked so must be a compile error: the contracts hold where they are used. Checked by `npm run types`, which
 *  also complains of a mark whose line compiles. */
import { contract } from "@molecart/mixins/contracts/contract.ts";
import { inventory } from "@molecart/mixins/contracts/inventory.ts";
import { type database, database as sqlStore } from "@molecart/mixins/database.mixin.ts";
import { type Call, implement } from "@molecart/mixins/implement.ts";
import type { SqlWork } from "@molecart/mixins/messaging/sql-work.ts";

declare const call: Call;
declare const work: SqlWork<object>;
declare const mixin: ReturnType<typeof database<{ shelf: { sku: string } }>>;

export const calls = async () => {
  const stock = await call("v1.inventory.get", { sku: "A" });
  stock.onHand satisfies number;
  // @ts-expect-error there is no such action
  await call("v1.inventory.fetch", { sku: "A" });
  // @ts-expect-error a param is missing
  await call("v1.inventory.set", { sku: "A" });
  // @ts-expect-error a param is of the wrong type
  await call("v1.inventory.set", { sku: "A", onHand: "7" });
  // @ts-expect-error a param is not known
  await call("v1.inventory.get", { sku: "A", colour: "red" });
  // @ts-expect-error the result has no such property
  stock.onhand;
};

export const emits = () => {
  work.emit("reservation.expired", "o1", { orderId: "o1" });
  // @ts-expect-error there is no such event
  work.emit("reservation.ended", "o1", { orderId: "o1" });
  // @ts-expect-error the payload lacks the order
  work.emit("reservation.expired", "o1", {});
};

const tiny = contract({
  name: "tiny",
  version: 1,
  actions: { get: inventory.actions.get },
  events: {},
  errors: {},
});
const stock = { sku: "A", onHand: 1, reserved: 0, available: 1 };

export const services = [
  implement(tiny, {
    mixins: [mixin],
    vars: () => ({ shelves: 3 }),
    actions: {
      async get({ params }) {
        params.sku satisfies string;
        this.shelves satisfies number;
        // @ts-expect-error there is no such param
        params.colour;
        // @ts-expect-error nobody has put this on the service
        this.cellar;
        const [row] = await this.database.db.selectFrom("shelf").selectAll().execute();
        row?.sku satisfies string | undefined;
        return stock;
      },
    },
    durable: {
      "order.cancelled": {
        async handler({ params, locals }) {
          params.reason satisfies string;
          await locals.work.trx.selectFrom("shelf").selectAll().execute();
          // @ts-expect-error the store has no such table
          await locals.work.trx.selectFrom("cellar").selectAll().execute();
          // @ts-expect-error the event does not say this
          params.colour;
        },
      },
    },
  }),
  // @ts-expect-error an action of the contract is missing
  implement(tiny, { actions: {} }),
  implement(tiny, {
    actions: {
      // @ts-expect-error the result is not the contract's
      get: async () => ({ sku: "A" }),
    },
  }),
  implement(tiny, {
    mixins: [sqlStore({ name: "tiny", migrations: new URL("./", import.meta.url) })],
    actions: { get: async () => stock },
    durable: {
      // @ts-expect-error there is no such event
      "order.eaten": { async handler() {} },
    },
  }),
];

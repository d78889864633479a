import type { EventData, EventName } from "@molecart/mixins/contracts/index.ts";
import type { Database } from "@molecart/mixins/database/database.ts";
import type { InboxStatus, MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Call } from "@molecart/mixins/implement.ts";
import { createBroker, type LaunchOptions } from "@molecart/mixins/launch.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import type { ServiceBroker, ServiceSchema } from "moleculer";
import { eventually } from "./eventually.ts";

export interface StageOptions extends LaunchOptions {
  /** The service under test: one with a SQL store. */
  service: string;
  /** More than one only where stores and bus are served. */
  brokers?: number;
  /** Services that it calls, played by the test. */
  fakes?: readonly ServiceSchema[];
}

export interface Outcome {
  status: InboxStatus;
  code: string | null;
}

/** One service with its own brokers, and the test in the role of all the other services. */
export interface Stage<DB> {
  database: Database<DB & MessagingTables>;
  call: Call;
  /** Sends an event as another service would. */
  publish<N extends EventName>(type: N, aggregateId: string, data: EventData<N>): Promise<Envelope<N>>;
  /** Hands events to the bus in one go. */
  publishAll(envelopes: readonly Envelope[]): Promise<void>;
  /** What has become of an event, once the service is done with it. */
  outcomeOf(envelope: { id: string }): Promise<Outcome>;
  /** What the service has decided to send about an aggregate, in its order. */
  sent(aggregateId: string): Promise<{ type: EventName; data: unknown }[]>;
  close(): Promise<void>;
}

export const openStage = async <DB>({
  service,
  brokers: count = 1,
  fakes = [],
  env = {},
  clock,
}: StageOptions): Promise<Stage<DB>> => {
  const brokers = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      createBroker([service], { env: { ...env, NODE_ID: `${service}-${index + 1}` }, ...(clock && { clock }) }),
    ),
  );
  for (const broker of brokers) for (const fake of fakes) broker.createService(fake);
  await Promise.all(brokers.map((broker) => broker.start()));
  const [broker] = brokers as [ServiceBroker, ...ServiceBroker[]];
  const { database } = broker.getLocalService(`v1.${service}`) as unknown as { database: Database<DB & MessagingTables> };
  const messaging = database as unknown as Database<MessagingTables>;

  const publishAll = (envelopes: readonly Envelope[]) => runtimeOf(broker).bus.publish(envelopes);
  return {
    database,
    call: (name, params, options) => broker.call(name, params as object, options) as never,
    publishAll,
    publish: async (type, aggregateId, data) => {
      const envelope = newEnvelope(type, aggregateId, data, new Date().toISOString());
      await publishAll([envelope as Envelope]);
      return envelope;
    },
    outcomeOf: ({ id }) =>
      eventually(
        async () => {
          const { status, error_code } = await messaging.db
            .selectFrom("inbox")
            .select(["status", "error_code"])
            .where("event_id", "=", id)
            .where("status", "<>", "failed")
            .executeTakeFirstOrThrow();
          return { status, code: error_code };
        },
        { describe: `the outcome of event ${id}` },
      ),
    sent: async (aggregateId) => {
      const rows = await messaging.db
        .selectFrom("outbox")
        .select("envelope")
        .where("aggregate_id", "=", aggregateId)
        .orderBy("seq")
        .execute();
      return rows.map(({ envelope: { type, data } }) => ({ type, data }));
    },
    close: async () => {
      await Promise.all(brokers.map((one) => one.stop()));
    },
  };
};

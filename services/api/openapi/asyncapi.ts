import { Exactly, Id, Time } from "@molecart/mixins/contracts/common.ts";
import type { Contract } from "@molecart/mixins/contracts/contract.ts";
import { contracts, eventNames, eventSchema, producerOf, serviceNames } from "@molecart/mixins/contracts/index.ts";
import { exampleOf } from "@molecart/mixins/openapi/examples.ts";
import { pascal, SchemaBook } from "@molecart/mixins/openapi/schema-book.ts";
import { Type } from "typebox";
import { schemaDescriptions, schemaModules } from "./schemas.ts";

type Json = Record<string, unknown>;

/** What every event carries beside its payload. */
const envelope = {
  id: Type.String({ format: "uuid", description: "UUIDv7; every copy of the event carries the same: handle each id once" }),
  version: Type.Integer({ minimum: 1, description: "Of the payload's shape" }),
  occurredAt: Time,
  aggregateId: Type.String({ ...Id, description: "What the event is about; the order of events within it is kept" }),
  traceparent: Type.String({ description: "W3C Trace Context" }),
  requestId: Type.String({ description: "Of the request that it all began with" }),
};

const introduction = `The durable events of the mesh. An event is committed together with what it tells of, is delivered at least once, and may overtake
others: a consumer handles each id once and in any order of arrival.

Over NATS it is a message of the JetStream stream of the namespace (\`molecart\` unless \`NAMESPACE\` says otherwise); embedded, the same
envelope travels through SQLite. A consumer ignores fields that it does not know.`;

/** Who handles an event, by the map of the mesh. */
export const consumersOf = (event: string): string[] =>
  serviceNames.filter((name) => (contracts[name] as Contract).handles?.includes(event));

/** The AsyncAPI 3.0 document of every durable event in the contracts. Pure. */
export const asyncApiDocument = ({ version }: { version: string }) => {
  const book = new SchemaBook(schemaModules, schemaDescriptions);
  const channels: Record<string, Json> = {};
  const operations: Record<string, Json> = {};
  const messages: Record<string, Json> = {};

  for (const event of eventNames) {
    const name = pascal([event]);
    const data = eventSchema(event);
    book.name(data, `${name}Data`);
    const schema = Exactly({ ...envelope, type: Type.Literal(event), data });
    book.name(schema, `${name}Event`);
    const payload = book.refer(schema);
    const producer = producerOf(event);
    const consumers = consumersOf(event);
    messages[name] = {
      name: event,
      title: event,
      summary: `Sent by ${producer}; handled by ${consumers.length === 0 ? "nobody yet" : consumers.join(", ")}`,
      contentType: "application/json",
      correlationId: { location: "$message.payload#/requestId" },
      payload,
      examples: [{ name: event, payload: { ...(exampleOf(book, payload) as Json), type: event } }],
    };
    channels[event] = {
      address: `{namespace}.events.${event}`,
      title: event,
      messages: { [name]: { $ref: `#/components/messages/${name}` } },
      parameters: { namespace: { $ref: "#/components/parameters/namespace" } },
    };
    const operation = (action: "send" | "receive", service: string): Json => ({
      action,
      title: `${service} ${action}s ${event}`,
      channel: { $ref: `#/channels/${event}` },
      messages: [{ $ref: `#/channels/${event}/messages/${name}` }],
      tags: [{ name: service }],
    });
    operations[`${producer}.send.${event}`] = operation("send", producer);
    for (const consumer of consumers) operations[`${consumer}.receive.${event}`] = operation("receive", consumer);
  }

  return {
    asyncapi: "3.0.0",
    info: { title: "Molecart events", version, description: introduction, license: { name: "MIT" } },
    defaultContentType: "application/json",
    channels,
    operations,
    components: {
      messages,
      schemas: book.components(),
      parameters: { namespace: { description: "Shops that share a NATS server differ in it", default: "molecart" } },
    },
  };
};

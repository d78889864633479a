import { describe, expect, test } from "@jest/globals";
import { DuplicateKey } from "@molecart/mixins/document-store/collection.ts";
import { asStoreError, type DriverCollection, MongoCollection } from "@molecart/mixins/document-store/mongo-collection.ts";
import { Unavailable } from "@molecart/mixins/lib/errors.ts";

const driverError = (name: string, code?: number, message = "") => Object.assign(new Error(message), { name, code });

describe("An error of the MongoDB driver", () => {
  test.each([
    ["no server is found", driverError("MongoServerSelectionError")],
    ["the connection breaks", driverError("MongoNetworkError")],
    ["the server steps down", driverError("MongoError", 10107)],
    ["the server shuts down", driverError("MongoError", 11600)],
    ["a majority does not answer", driverError("MongoWriteConcernError", 64)],
    ["no connection gets free", driverError("MongoWaitQueueTimeoutError")],
    ["the server is overloaded", driverError("MongoError", 365)],
    ["a server was lost in the middle of a result", driverError("MongoError", 43)],
    ["the driver is closed", driverError("MongoError", undefined, "Topology is closed, please connect")],
    ["the driver is being closed", driverError("MongoError", undefined, "connection pool closed")],
  ])("is an outage when %s", (_, error) => {
    expect(asStoreError("things", error)).toBeInstanceOf(Unavailable);
  });

  test("names a taken key", () => {
    expect(asStoreError("things", driverError("MongoError", 11_000))).toBeInstanceOf(DuplicateKey);
  });

  test("is left alone when the command is at fault", () => {
    const error = driverError("MongoError", 9, "Unknown modifier");
    expect(asStoreError("things", error)).toBe(error);
  });
});

describe("The indexes of a MongoDB collection", () => {
  const indexes = [{ fields: ["slug"], unique: true }] as const;

  /** A server that can be away, and that counts what it is asked for. */
  const server = () => {
    const state = { away: false, commands: [] as string[], indexError: undefined as Error | undefined, logged: [] as string[] };
    const command = async (name: string): Promise<void> => {
      if (state.away) throw driverError("MongoNetworkError");
      state.commands.push(name);
    };
    const driver = {
      async createIndex() {
        await command("createIndex");
        if (state.indexError) throw state.indexError;
      },
      findOne: () => command("findOne"),
    } as unknown as DriverCollection;
    const log = { error: (message: string) => void state.logged.push(message) };
    return { state, things: new MongoCollection("things", driver, indexes, log) };
  };

  test("are made again after an outage, before the next command: the server may have lost its store", async () => {
    const { state, things } = server();
    await things.ensureIndexes();
    await things.get("a");
    state.away = true;
    for (let i = 0; i < 2; i++) await expect(things.get("a")).rejects.toBeInstanceOf(Unavailable);
    state.away = false;
    await Promise.all([things.get("a"), things.get("b")]);
    await things.get("c");
    expect(state.commands).toEqual(["createIndex", "findOne", "createIndex", "findOne", "findOne", "findOne"]);
  });

  test("that cannot be made stop the start, but not what has worked so far", async () => {
    const { state, things } = server();
    state.indexError = driverError("MongoError", 85, "An equivalent index exists with other options");
    await expect(things.ensureIndexes()).rejects.toBe(state.indexError);
    state.away = true;
    await expect(things.get("a")).rejects.toBeInstanceOf(Unavailable);
    state.away = false;
    await expect(things.get("a")).resolves.toBeUndefined();
    expect(state.logged).toEqual(["The indexes could not be made"]);
  });
});

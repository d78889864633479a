import { describe, expect, test } from "@jest/globals";
import { DuplicateKey } from "@molecart/mixins/document-store/collection.ts";
import { asStoreError } from "@molecart/mixins/document-store/mongo-collection.ts";
import { Unavailable } from "@molecart/mixins/lib/errors.ts";

const driverError = (name: string, code?: number, message = "") => Object.assign(new Error(message), { name, code });

describe("An error of the MongoDB driver", () => {
  test.each([
    ["no server is found", driverError("MongoServerSelectionError")],
    ["the connection breaks", driverError("MongoNetworkError")],
    ["the server steps down", driverError("MongoError", 10107)],
    ["the server shuts down", driverError("MongoError", 11600)],
    ["a majority does not answer", driverError("MongoWriteConcernError", 64)],
    ["the driver is closed", driverError("MongoError", undefined, "Topology is closed, please connect")],
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

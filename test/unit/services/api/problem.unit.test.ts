import { describe, expect, test } from "@jest/globals";
import { NotYet, Refusal, Unavailable } from "@molecart/mixins/lib/errors.ts";
import { Errors } from "moleculer";
import {
  edgeErrors,
  MethodNotAllowed,
  RateLimited,
  Unauthenticated,
  ValidationFailed,
} from "../../../../services/api/api.errors.ts";
import { problemOf } from "../../../../services/api/problem.ts";

describe("a refusal of a service", () => {
  test("is told in its own words, with the meaning of its code as title", () => {
    const { problem, isFault } = problemOf(new Refusal("ORDER_NOT_FOUND", 404, "There is no order 7", { secret: "x" }), "r-1");
    expect(problem).toEqual({
      type: "urn:molecart:problem:order-not-found",
      title: "No such order, or it is somebody else's",
      status: 404,
      code: "ORDER_NOT_FOUND",
      detail: "There is no order 7",
      requestId: "r-1",
    });
    expect(isFault).toBe(false);
  });

  test("keeps its code when this gateway does not know it yet", () => {
    const { problem } = problemOf(new NotYet("PARCEL_IN_HAND", 409, "Wait a moment"), "r-1");
    expect(problem).toMatchObject({ code: "PARCEL_IN_HAND", title: "Parcel in hand", status: 409 });
  });
});

describe("what is not available", () => {
  test.each<[string, Error]>([
    ["a service that is not there", new Errors.ServiceNotFoundError({ action: "v1.orders.get" })],
    ["a service whose circuit is open", new Errors.ServiceNotAvailableError({ action: "v1.orders.get" })],
    ["a service that is silent", new Errors.RequestTimeoutError({ action: "v1.orders.get", nodeID: "node-7" })],
    ["a service that is overloaded", new Errors.QueueIsFullError({ action: "v1.orders.get", nodeID: "node-7" })],
    ["a node that went away", new Errors.RequestRejectedError({ action: "v1.orders.get", nodeID: "node-7" })],
    ["a database", new Unavailable("the database of orders at 10.0.0.7")],
  ])("%s: 503 with a time to come back, and no names", (_, error) => {
    const { problem, headers, isFault } = problemOf(error, "r-1");
    expect(problem).toMatchObject({ status: 503, code: "SERVICE_UNAVAILABLE" });
    expect(headers["Retry-After"]).toBe("1");
    expect(JSON.stringify(problem)).not.toMatch(/orders|node-7|10\.0/);
    expect(isFault).toBe(true);
  });
});

describe("what nobody has thought of", () => {
  test.each<[string, unknown]>([
    ["a plain error", new Error("db://user:pw@10.0.0.7 refused")],
    ["an error that looks like an HTTP status", Object.assign(new Error("db://user:pw"), { code: 404, status: 404 })],
    ["an error that names a prototype's property", Object.assign(new Error("db://user:pw"), { type: "constructor" })],
    ["an error of the framework", new Errors.MoleculerError("db://user:pw", 418, "TEAPOT", { at: "10.0.0.7" })],
    ["a service's own failure", new Refusal("CONFIGURATION", 500, "db://user:pw")],
    ["no error at all", "db://user:pw"],
    ["nothing", undefined],
  ])("%s: 500 and not a word of it", (_, error) => {
    const { problem, isFault } = problemOf(error, "r-1");
    expect(problem).toEqual({
      type: "urn:molecart:problem:internal",
      title: edgeErrors.INTERNAL,
      status: 500,
      code: "INTERNAL",
      detail: "Something went wrong in the shop",
      requestId: "r-1",
    });
    expect(isFault).toBe(true);
  });
});

describe("what the edge refuses", () => {
  test("invalid fields are named, one by one", () => {
    const errors = [{ path: "address.city", message: "is required" }];
    expect(problemOf(new ValidationFailed(errors), "r-1").problem).toMatchObject({
      status: 422,
      code: "VALIDATION_FAILED",
      errors,
    });
  });

  test("fields that a service finds invalid are named in the same way", () => {
    const error = new Errors.ValidationError("Parameters validation error!", "VALIDATION_ERROR", [
      { field: "change.name", type: "minLength", message: "must not be empty", nodeID: "node-7", action: "v1.products.update" },
    ] as never);
    const { problem } = problemOf(error, "r-1");
    expect(problem).toMatchObject({ status: 422, errors: [{ path: "change.name", message: "must not be empty" }] });
    expect(JSON.stringify(problem)).not.toContain("node-7");
  });

  test("the headers that HTTP asks for come with it", () => {
    expect(problemOf(new Unauthenticated("who?"), "r").headers).toEqual({ "WWW-Authenticate": 'Bearer realm="molecart"' });
    expect(problemOf(new MethodNotAllowed("PUT", "GET, HEAD"), "r").headers).toEqual({ Allow: "GET, HEAD" });
    expect(problemOf(new RateLimited(17), "r").headers).toEqual({ "Retry-After": "17" });
    const patience = { retryAfterSeconds: 30 };
    expect(problemOf(new Refusal("TOO_MANY_TRIES", 429, "wait", patience), "r").headers).toEqual({ "Retry-After": "30" });
    expect(problemOf(new Refusal("ORDER_NOT_FOUND", 404, "no", patience), "r").headers).toEqual({});
  });

  test.each([
    ["entity.parse.failed", 400, "MALFORMED_JSON"],
    ["entity.too.large", 413, "BODY_TOO_LARGE"],
    ["encoding.unsupported", 415, "UNSUPPORTED_MEDIA_TYPE"],
    ["charset.unsupported", 415, "UNSUPPORTED_MEDIA_TYPE"],
    ["UNABLE_DECODE_PARAM", 400, "MALFORMED_URL"],
  ])("%s of the framework is %i %s", (type, status, code) => {
    expect(problemOf(new Errors.MoleculerError("x", 400, type), "r").problem).toMatchObject({ status, code });
  });
});

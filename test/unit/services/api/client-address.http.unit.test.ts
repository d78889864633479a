import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "@jest/globals";
import { addressKey, Clients, type ForwardedHeader, parseProxies } from "../../../../services/api/client-address.http.ts";

const request = (remoteAddress: string, headers: Record<string, string> = {}, encrypted = false) =>
  ({ socket: { remoteAddress, encrypted }, headers }) as unknown as IncomingMessage;

const clients = (proxies: string, header: ForwardedHeader = "x-forwarded-for") => new Clients(parseProxies(proxies), header);

describe("the client's address", () => {
  const behind = clients("10.0.0.0/8, 2001:db8:ffff::/48, 192.0.2.1");
  test.each<[string, string, string | undefined, string]>([
    ["is the connection's where there is no header", "10.0.0.1", undefined, "10.0.0.1"],
    ["is the connection's where that is no proxy's, whatever the header says", "203.0.113.9", "198.51.100.1", "203.0.113.9"],
    ["is what a trusted proxy says", "10.0.0.1", "198.51.100.1", "198.51.100.1"],
    ["is not what stands left of it, which the client has sent", "10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"],
    ["is found behind several proxies", "10.0.0.1", "1.1.1.1, 198.51.100.1, 192.0.2.1,10.9.9.9", "198.51.100.1"],
    ["may have come over IPv6", "2001:db8:ffff::7", "2001:db8:1::5", "2001:db8:1::5"],
    ["of a proxy may be mapped to IPv6", "::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"],
    ["may have a port", "10.0.0.1", "198.51.100.1:4711", "198.51.100.1"],
    ["may have brackets and a port", "10.0.0.1", "[2001:db8:1::5]:4711", "2001:db8:1::5"],
    ["is the last one known where a hop names none", "10.0.0.1", "198.51.100.1, unknown, 10.0.0.2", "10.0.0.2"],
    ["is the proxy's where the header holds nonsense", "10.0.0.1", "'; drop table--", "10.0.0.1"],
    ["is the outermost proxy's where all are trusted", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
  ])("%s", (_, remote, header, expected) => {
    expect(behind.addressOf(request(remote, header === undefined ? {} : { "x-forwarded-for": header }))).toBe(expected);
  });

  test("is the connection's where no proxy is trusted", () => {
    expect(clients("").addressOf(request("127.0.0.1", { "x-forwarded-for": "198.51.100.1" }))).toBe("127.0.0.1");
  });

  test("is not there any more once the connection is gone", () => {
    const gone = { socket: { encrypted: false }, headers: { "x-forwarded-proto": "https" } } as unknown as IncomingMessage;
    expect(behind.addressOf(gone)).toBe("");
    expect(behind.isSecure(gone)).toBe(false);
  });

  test("is read from the one header that the proxies write, and not from the other", () => {
    const headers = { forwarded: 'for=1.1.1.1, for="[2001:db8:1::5]:80";proto=https', "x-forwarded-for": "198.51.100.1" };
    expect(clients("10.0.0.1", "forwarded").addressOf(request("10.0.0.1", headers))).toBe("2001:db8:1::5");
    expect(clients("10.0.0.1").addressOf(request("10.0.0.1", headers))).toBe("198.51.100.1");
  });
});

describe("TLS of the client", () => {
  test.each<[string, boolean, IncomingMessage]>([
    ["with the gateway itself", true, request("203.0.113.9", {}, true)],
    ["with a trusted proxy", true, request("10.0.0.1", { "x-forwarded-proto": "https" })],
    ["as the nearest proxy says", false, request("10.0.0.1", { "x-forwarded-proto": "https, http" })],
    ["as a client pretends", false, request("203.0.113.9", { "x-forwarded-proto": "https" })],
  ])("%s: %s", (_, expected, req) => expect(clients("10.0.0.0/8").isSecure(req)).toBe(expected));
});

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:DB8:0001:2::9", "2001:db8:1:2"],
  ["2001:db8::9", "2001:db8:0:0"],
  ["::1", "0:0:0:0"],
  ["fe80::%eth0", "fe80:0:0:0"],
])("requests of %s are counted as those of %s", (address, key) => expect(addressKey(address)).toBe(key));

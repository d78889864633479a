import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import type { TLSSocket } from "node:tls";
import { ConfigurationError } from "@molecart/mixins/lib/errors.ts";

export const forwardedHeaders = ["x-forwarded-for", "forwarded"] as const;
export type ForwardedHeader = (typeof forwardedHeaders)[number];

const withoutZone = (address: string): string => address.replace(/%.*$/, "");

/** Whose requests are counted together: an IPv4 address, or an IPv6 network of /64, of which one machine has all addresses. */
export const addressKey = (address: string): string => {
  const plain = withoutZone(address.replace(/^::ffff:(?=\d+\.)/i, "")).toLowerCase();
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.split("::");
  const groups = head === "" ? [] : head.split(":");
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === "" ? 0 : tail.split(":").length);
  const all = [...groups, ...Array<string>(Math.max(0, missing)).fill("0"), ...(tail ? tail.split(":") : [])];
  return all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
};

/** The proxies of API_TRUSTED_PROXIES: addresses and networks, comma-separated. Throws ConfigurationError. */
export const parseProxies = (text: string): BlockList | undefined => {
  const entries = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  if (entries.length === 0) return undefined;
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", bits, ...more] = entry.split("/");
    const version = isIP(address);
    const width = version === 4 ? 32 : 128;
    const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (version === 0 || more.length > 0 || !(prefix <= width))
      throw new ConfigurationError("API_TRUSTED_PROXIES", `"${entry}" is neither an address nor a network such as 10.0.0.0/8`);
    list.addSubnet(address, prefix, version === 4 ? "ipv4" : "ipv6");
  }
  return list;
};

/** `192.0.2.7:4711`, `[2001:db8::1]:4711`, `"[2001:db8::1]"` -> the address; undefined for names and `unknown`. */
const addressIn = (node: string): string | undefined => {
  const text = node.trim().replace(/^"(.*)"$/, "$1");
  const bare = /^\[([^\]]+)\](?::\w+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\w+$/.exec(text)?.[1] ?? text;
  return isIP(bare) === 0 ? undefined : bare;
};

const parameterOf = (element: string, name: string): string | undefined => {
  const found = element.split(";").find((pair) => pair.trim().toLowerCase().startsWith(`${name}=`));
  return found?.trim().slice(name.length + 1);
};

const textOf = (header: string | string[] | undefined): string => (Array.isArray(header) ? header.join(",") : (header ?? ""));

/** Tells where a request comes from. A header is believed as far as trusted proxies have written it: from its right end to
 *  the first address that is none of theirs. What stands left of that, anybody can have sent. Only one header is read: a
 *  proxy that writes one of the two lets the client's own other one pass. */
export class Clients {
  readonly #proxies: BlockList | undefined;
  readonly #header: ForwardedHeader;

  constructor(proxies: BlockList | undefined, header: ForwardedHeader) {
    this.#proxies = proxies;
    this.#header = header;
  }

  #isProxy(address: string): boolean {
    if (this.#proxies === undefined) return false;
    const plain = withoutZone(address);
    const version = isIP(plain);
    // A connection that is gone already has no address.
    return version !== 0 && this.#proxies.check(plain, version === 6 ? "ipv6" : "ipv4");
  }

  /** The client's address: of the connection, or of whoever has reached the outermost trusted proxy. */
  addressOf({ socket, headers }: IncomingMessage): string {
    let address = socket.remoteAddress ?? "";
    if (this.#proxies === undefined || !this.#isProxy(address)) return address;
    const hops = textOf(headers[this.#header]).split(",").reverse();
    for (const hop of hops) {
      const next = addressIn(this.#header === "forwarded" ? (parameterOf(hop, "for") ?? "") : hop);
      // A hop that names no address hides what is left of it.
      if (next === undefined) return address;
      address = next;
      if (!this.#isProxy(address)) return address;
    }
    return address;
  }

  /** Whether the client speaks TLS: with this gateway, or with the trusted proxy that is next to it. */
  isSecure({ socket, headers }: IncomingMessage): boolean {
    if ((socket as TLSSocket).encrypted === true) return true;
    if (this.#proxies === undefined || !this.#isProxy(socket.remoteAddress ?? "")) return false;
    const last = (text: string): string => (text.split(",").at(-1) ?? "").trim();
    const protocol =
      this.#header === "forwarded"
        ? parameterOf(last(textOf(headers.forwarded)), "proto")
        : last(textOf(headers["x-forwarded-proto"]));
    return protocol?.replaceAll('"', "").toLowerCase() === "https";
  }
}

import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import Negotiator from "negotiator";

/** In the order of our liking. */
const codings = ["br", "gzip"] as const;
export type Coding = (typeof codings)[number];

/** Below it the answer fits into one packet anyway. */
const MIN_BYTES = 1_024;
/** Halfway to the best: a tenth larger, a tenth of the time. */
const BROTLI_QUALITY = 4;
const GZIP_LEVEL = 6;

const brotliAsync = promisify(brotliCompress);
const gzipAsync = promisify(gzip);

export const isWorthCompressing = (bytes: number): boolean => bytes >= MIN_BYTES;

/** There are few: browsers and libraries send theirs without change. */
const remembered = new Map<string, Coding | undefined>();
const MAX_REMEMBERED = 200;

type Encoding = (available: readonly string[], options: { preferred: readonly string[] }) => string | undefined;

/** The coding that a client likes best of ours (RFC 9110, 12.5.3); undefined for none. */
export const codingFor = (acceptEncoding: string | undefined): Coding | undefined => {
  if (acceptEncoding === undefined || acceptEncoding === "") return undefined;
  if (remembered.has(acceptEncoding)) return remembered.get(acceptEncoding);
  const negotiator = new Negotiator({ headers: { "accept-encoding": acceptEncoding } });
  const liked = (negotiator.encoding as Encoding).call(negotiator, [...codings, "identity"], { preferred: codings });
  const coding = codings.find((name) => name === liked);
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(acceptEncoding, coding);
  return coding;
};

export const compress = (body: Buffer, coding: Coding): Promise<Buffer> =>
  coding === "br"
    ? brotliAsync(body, {
        params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: body.length },
      })
    : gzipAsync(body, { level: GZIP_LEVEL });

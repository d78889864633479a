import helmet, { type HelmetOptions } from "helmet";
import type { Headers } from "./cors.ts";

/** Helmet's headers for an API whose answers are data, never pages. They are the same for every answer, so helmet is asked
 *  once: as a middleware it would cost a fifth of a request, and errors outside of the routes would go without. */
export const securityHeaders = (): Headers =>
  record({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    referrerPolicy: { policy: "no-referrer" },
    xFrameOptions: { action: "deny" },
    // The answers may be read by pages of other origins that CORS allows.
    crossOriginResourcePolicy: { policy: "cross-origin" },
    // Means something over TLS only, and there it is sent beside these.
    strictTransportSecurity: false,
  });

/** Beside them where the client speaks TLS: it shall not try anything else for a year. */
export const transportSecurity: readonly [name: string, value: string] = [
  "Strict-Transport-Security",
  "max-age=31536000; includeSubDomains",
];

const record = (options: HelmetOptions): Headers => {
  const headers: [string, string][] = [];
  const recorder = { setHeader: (name: string, value: string) => headers.push([name, value]), removeHeader: () => {} };
  helmet(options)({} as never, recorder as never, (error?: unknown) => {
    if (error) throw error;
  });
  return headers;
};

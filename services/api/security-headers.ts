import helmet from "helmet";
import type { Headers } from "./cors.ts";

/** Helmet's headers for an API whose answers are data, never pages. They are the same for every answer, so helmet is asked
 *  once: as a middleware it would cost a fifth of a request, and errors outside of the routes would go without. */
export const securityHeaders = (): Headers => {
  const headers: [string, string][] = [];
  const recorder = { setHeader: (name: string, value: string) => headers.push([name, value]), removeHeader: () => {} };
  const secure = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    referrerPolicy: { policy: "no-referrer" },
    xFrameOptions: { action: "deny" },
    // The answers may be read by pages of other origins that CORS allows.
    crossOriginResourcePolicy: { policy: "cross-origin" },
  });
  secure({} as never, recorder as never, (error?: unknown) => {
    if (error) throw error;
  });
  return headers;
};

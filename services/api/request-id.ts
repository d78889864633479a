import { newId } from "@molecart/mixins/lib/ids.ts";

const SANE = /^[A-Za-z0-9._:-]{1,128}$/;

/** The client's X-Request-Id where it is fit for logs and headers, or a new one. */
export const requestIdOf = (header: string | string[] | undefined): string =>
  typeof header === "string" && SANE.test(header) ? header : newId();

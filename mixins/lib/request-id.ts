import { newId } from "./ids.ts";

const FIT = /^[A-Za-z0-9._:-]{1,128}$/;
/** It is written into logs and events, so what could be a card's number is none. */
const CARD_LIKE = /^[0-9._:-]{12,24}$/;

/** A client's X-Request-Id where it is fit for logs and headers, or a new one. */
export const requestIdOf = (header: string | string[] | undefined): string =>
  typeof header === "string" && FIT.test(header) && !CARD_LIKE.test(header) ? header : newId();

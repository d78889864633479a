import { Unavailable } from "../lib/errors.ts";

interface DriverError {
  code?: unknown;
  errcode?: unknown;
  message?: unknown;
}

const UNIQUE_POSTGRES = "23505";
/** SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY. */
const UNIQUE_SQLITE = [2067, 1555];
const CHECK_POSTGRES = "23514";
const CHECK_SQLITE = 275;

const of = (error: unknown): DriverError => (error ?? {}) as DriverError;

export const isUniqueViolation = (error: unknown): boolean =>
  of(error).code === UNIQUE_POSTGRES || UNIQUE_SQLITE.includes(of(error).errcode as number);

export const isCheckViolation = (error: unknown): boolean =>
  of(error).code === CHECK_POSTGRES || of(error).errcode === CHECK_SQLITE;

/** Serialization failure, deadlock, a lock that was not had in time: PostgreSQL asks for the whole transaction again. */
const CONFLICTS_POSTGRES = ["40001", "40P01", "55P03"];
export const isRetryableConflict = (error: unknown): boolean => CONFLICTS_POSTGRES.includes(of(error).code as string);

const SOCKET_ERRORS = [
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
];

const OUTAGES_POSTGRES = ["57014", "25P03", "25006"];

/** Whether the server is out of reach, full or shutting down, as against a fault of the statement. Classes 08, 53, 57P and
 *  58 of PostgreSQL's error codes; 57014 is a statement that ran into its time limit, 25P03 a transaction that was idle for too
 *  long, 25006 a server that has become a read-only copy; SQLite: busy, disk full, I/O error. */
export const isDatabaseOutage = (error: unknown): boolean => {
  const { code, errcode, message } = of(error);
  if (typeof errcode === "number") return [5, 6, 10, 13, 14].includes(errcode & 0xff);
  if (typeof code === "string")
    return SOCKET_ERRORS.includes(code) || /^(08|53|57P|58)/.test(code) || OUTAGES_POSTGRES.includes(code);
  return (
    typeof message === "string" &&
    /connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|driver has already been destroyed/i.test(
      message,
    )
  );
};

/** Names an outage as what it is, and leaves every other error alone. */
export const asDatabaseError = (database: string, error: unknown): unknown =>
  isDatabaseOutage(error) ? new Unavailable(`the database of ${database}`, { cause: error }) : error;

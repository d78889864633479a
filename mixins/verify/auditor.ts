import type { ServiceFacts } from "./facts.ts";
import type { StoreReader } from "./stores.ts";

/** `services/<name>/<name>.audit.ts`, by default export: reads the service's own store for `npm run verify`. It reads and does
 *  not judge, and writes nothing. A service without a store has none. */
export type Auditor = (stores: StoreReader) => Promise<ServiceFacts>;

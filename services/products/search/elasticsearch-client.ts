import { readFileSync } from "node:fs";
import { Client, errors, SniffingTransport } from "@elastic/elasticsearch";
import { ConfigurationError, Unavailable } from "@molecart/mixins/lib/errors.ts";

/** Who we are to Elasticsearch, and where it is. */
export interface ElasticsearchSettings {
  /** One or more nodes. */
  urls: readonly string[];
  auth: { apiKey: string } | { username: string; password: string } | undefined;
  /** PEM of the authority that has signed the server's certificate. */
  caFile: string | undefined;
  /** What the names of the shop's index and aliases begin with. */
  indexPrefix: string;
}

/** A customer waits for an answer; what writes has more patience. */
export const SEARCH_TIMEOUT_MS = 2_000;
export const WRITE_TIMEOUT_MS = 20_000;

const VERSIONED = "application/vnd.elasticsearch+";

/** All that is asked here is the same in 8 and 9, and both understand a client of 8. */
class SpeakingVersion8 extends SniffingTransport {
  constructor(options: ConstructorParameters<typeof SniffingTransport>[0]) {
    super({
      ...options,
      vendoredHeaders: {
        jsonContentType: `${VERSIONED}json; compatible-with=8`,
        ndjsonContentType: `${VERSIONED}x-ndjson; compatible-with=8`,
        accept: `${VERSIONED}json; compatible-with=8,text/plain`,
      },
    });
  }
}

/** Loaded only where it is used, with the rest of this file: the client takes 20 MB of memory. */
export const connectElasticsearch = ({ urls, auth, caFile }: ElasticsearchSettings): Client =>
  new Client({
    nodes: [...urls],
    Transport: SpeakingVersion8,
    requestTimeout: SEARCH_TIMEOUT_MS,
    maxRetries: 1,
    ...(auth && { auth }),
    ...(caFile !== undefined && { tls: { ca: readCa(caFile) } }),
  });

const readCa = (file: string): Buffer => {
  try {
    return readFileSync(file);
  } catch {
    throw new ConfigurationError("ELASTICSEARCH_CA_FILE", `${file} cannot be read`);
  }
};

/** The request itself is at fault: nothing that waiting would mend. */
const isOurFault = (error: unknown): boolean => error instanceof errors.ResponseError && error.statusCode === 400;

/** Names what the client says in its own way. An index that is not there is about to be made. */
export const asSearchError = (error: unknown): unknown =>
  error instanceof errors.ElasticsearchClientError && !isOurFault(error)
    ? new Unavailable("the search index", { cause: error })
    : error;

import type { DatabaseProps } from "@molecart/mixins/database.mixin.ts";
import type { Clock } from "@molecart/mixins/lib/clock.ts";
import { Unavailable } from "@molecart/mixins/lib/errors.ts";
import type { SqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import type { Tables } from "./payment.repository.ts";
import type { PaymentProvider } from "./provider.ts";

export type PaymentsWork = SqlWork<Tables>;

export interface PaymentDesk extends Pick<DatabaseProps<Tables>, "database"> {
  clock: Clock;
  provider: PaymentProvider;
  /** For one call to the provider. */
  providerTimeoutMs: number;
  /** How long a refund without an answer is tried. */
  refundGiveUpMs: number;
  /** Ends calls to the provider when the service stops; they are resolved by asking when it is back. */
  stopping: AbortSignal;
}

/** Calls the provider with a deadline that holds even if its adapter forgets it. */
export const ask = async <T>(desk: PaymentDesk, call: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const deadline = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Unavailable("the payment provider", { cause: new Error(`no answer in ${desk.providerTimeoutMs} ms`) });
      reject(error);
      deadline.abort(error);
    }, desk.providerTimeoutMs);
  });
  try {
    return await Promise.race([call(AbortSignal.any([deadline.signal, desk.stopping])), timedOut]);
  } finally {
    clearTimeout(timer);
  }
};

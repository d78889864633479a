import { payments } from "@molecart/mixins/contracts/payments.ts";
import { database } from "@molecart/mixins/database.mixin.ts";
import { checkHealth } from "@molecart/mixins/health.ts";
import type { HttpListener } from "@molecart/mixins/http-listener.ts";
import { implement } from "@molecart/mixins/implement.ts";
import { decodeCursor, isText, page } from "@molecart/mixins/lib/cursor.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { maySee } from "@molecart/mixins/lib/ownership.ts";
import type { Job } from "@molecart/mixins/messaging/job-runner.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import { openListener } from "./listener.http.ts";
import type { PaymentDesk, PaymentsWork } from "./payment.desk.ts";
import { PaymentNotFound } from "./payment.errors.ts";
import { charge, hearProvider, react } from "./payment.operations.ts";
import { findPaymentOf, findRefundCases, findRefundsOf } from "./payment.repository.ts";
import type { PaymentsTables } from "./payment.table.ts";
import { toPayment } from "./payment.ts";
import { PROVIDER_LEASE_MS, paymentsConfig } from "./payments.config.ts";
import type { PaymentProvider } from "./provider.ts";
import { reconcile, scheduleRound } from "./reconciliation.operations.ts";
import { findFindings } from "./reconciliation.repository.ts";
import { refund, refundReturn, requestRefund, retryRefund, settleRefund } from "./refund.operations.ts";
import { paymentRoutes } from "./routes.http.ts";
import { withFaults } from "./sandbox.faults.ts";
import { type SandboxProvider, sandboxProvider } from "./sandbox.provider.ts";
import { sandboxWebhookSecret } from "./sandbox.secret.ts";

/** Requests in hand when the service stops: a token or an event of the provider is stored within milliseconds. */
const CLOSE_GRACE_MS = 2_000;

/** One page of payments; a provider that is slower than this is asked by two brokers, which changes nothing. */
const ROUND_LEASE_MS = 120_000;

export default implement(payments, {
  mixins: [database<PaymentsTables>({ name: "payments", migrations: new URL("./migrations/", import.meta.url) })],

  vars: (broker) => {
    const config = paymentsConfig(runtimeOf(broker).env);
    return {
      config,
      webhookSecret: sandboxWebhookSecret(config.sandbox),
      stopping: new AbortController(),
      listener: undefined as HttpListener | undefined,
    };
  },

  methods: {
    sandbox(): SandboxProvider {
      const { tokenMs, lateMs } = this.config.sandbox;
      return sandboxProvider({
        database: this.database,
        clock: this.clock,
        tokenMs,
        lateMs,
        webhookSecret: this.webhookSecret,
      });
    },

    provider(): PaymentProvider {
      const { provider } = this.config;
      switch (provider) {
        case "sandbox":
          return withFaults(this.sandbox());
        default:
          return provider satisfies never;
      }
    },

    desk(): PaymentDesk {
      return {
        database: this.database,
        clock: this.clock,
        provider: this.provider(),
        providerTimeoutMs: this.config.providerTimeoutMs,
        refundGiveUpMs: this.config.refundGiveUpMs,
        stopping: this.stopping.signal,
      };
    },
  },

  actions: {
    async getByOrder({ params: { orderId, viewer } }) {
      const payment = await findPaymentOf(this.database.db, orderId);
      if (payment === undefined || !maySee(viewer, payment.customer?.id)) throw new PaymentNotFound(orderId);
      return toPayment(payment, await findRefundsOf(this.database.db, orderId));
    },

    refund({ params }) {
      return this.transaction((work) => requestRefund(work, params));
    },

    async listRefusedRefunds({ params: { status, limit, cursor } }) {
      const after = cursor && decodeCursor(cursor, isText);
      return page(await findRefundCases(this.database.db, { status, after, limit: limit + 1 }), limit, ({ id }) => id);
    },

    retryRefund({ params }) {
      return this.transaction((work) => retryRefund(work, params));
    },

    settleRefund({ params }) {
      return this.transaction((work) => settleRefund(work, params));
    },

    async findings() {
      return { items: await findFindings(this.database.db) };
    },
  },

  durable: {
    "order.created": {
      handler: ({ params: { orderId, number, totals, customer, paymentToken }, locals }) =>
        react(locals.work, orderId, { type: "order.created", amount: totals.total, customer, number, paymentToken }),
    },
    "stock.reserved": { handler: ({ params, locals }) => react(locals.work, params.orderId, { type: "stock.reserved" }) },
    "order.cancelled": {
      handler: ({ params: { orderId, number, totals, customer, reason }, locals }) =>
        react(locals.work, orderId, { type: "order.cancelled", amount: totals.total, customer, number, reason }),
    },
    "return.received": { handler: ({ params, locals }) => refundReturn(locals.work, params) },
  },

  jobs: {
    charge: {
      leaseMs: PROVIDER_LEASE_MS,
      handler(job) {
        return charge(this.desk(), job);
      },
    },
    refund: {
      leaseMs: PROVIDER_LEASE_MS,
      handler(job: Job<PaymentsWork, { refundId: string }>) {
        return refund(this.desk(), job);
      },
    },
    reconcile: {
      leaseMs: ROUND_LEASE_MS,
      handler(job: Job<PaymentsWork, { after: string }>) {
        const { transaction, logger, config } = this;
        return reconcile({ ...this.desk(), transaction, intervalMs: config.reconcileMs, log: logger }, job);
      },
    },
  },

  async started() {
    await this.transaction((work) => scheduleRound(work, this.clock.now() + this.config.reconcileMs));
    const { host, port, tls, corsOrigins } = this.config;
    this.listener = await openListener({
      host,
      port,
      variable: "PAYMENTS_PORT",
      tls,
      corsOrigins,
      routes: paymentRoutes({
        provider: this.provider(),
        tokenize: this.sandbox().tokenize,
        onProviderEvent: (provider, event) => this.transaction((work) => hearProvider(work, provider, event)),
        checkHealth: () => checkHealth(this.broker),
      }),
      onFault: (error) => this.logger.error("Payments listener failed", { error: messageOf(error) }),
    });
    this.logger.info("Payments listener is open", { address: this.listener.address });
  },

  async stopped() {
    this.stopping.abort();
    await this.listener?.close(CLOSE_GRACE_MS);
  },
});

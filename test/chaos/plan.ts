import { CRASH_POINTS, type CrashPoint } from "@molecart/mixins/faults.ts";
import { type Random, seeded } from "./random.ts";

/** What the nemesis does, to whom and when: all of it follows from the seed. */
export type Fault = { atMs: number } & (
  | { kind: "kill broker"; broker: string; downMs: number }
  | { kind: "crash point"; broker: string; point: CrashPoint; pass: number; downMs: number }
  | { kind: "pause broker"; broker: string; forMs: number }
  | { kind: "kill server"; server: string; downMs: number }
  | { kind: "lose NATS' disk"; downMs: number }
  | { kind: "pause server"; server: string; forMs: number }
  | { kind: "cut connection"; broker: string; server: string; how: "drop" | "stall"; forMs: number }
  | { kind: "disturb deliveries"; broker: string; duplicate: number; delay: number; maxDelayMs: number; forMs: number }
  | { kind: "clock jump"; broker: string; aheadMs: number; forMs: number }
  | { kind: "provider"; broker: string; fails: number; slow: number; slowMs: number; answerLost: number; forMs: number }
);
export type FaultKind = Fault["kind"];

/** A broker as the plan sees it. */
export interface Target {
  name: string;
  services: readonly string[];
  /** Nobody else runs its services: an orchestrator brings it back at once. */
  alone: boolean;
  /** The servers that it has connections to. */
  servers: readonly string[];
}

export interface PlanOptions {
  seed: string;
  durationMs: number;
  faults: number;
  brokers: readonly Target[];
  servers: readonly string[];
  /** Only these. */
  kinds?: readonly string[] | undefined;
}

/** Services whose state is in SQL: they have a relay and jobs. */
const SQL = ["orders", "inventory", "payments", "shipping", "users"];
const SAGA = ["orders", "inventory", "payments", "shipping"];
const CONSUMERS = [...SAGA, "carts", "notifications"];

const runs = (names: readonly string[]) => (target: Target) => target.services.some((service) => names.includes(service));

const pointsOf = (target: Target): CrashPoint[] =>
  CRASH_POINTS.filter((point) => {
    if (point.startsWith("order.")) return runs(["orders"])(target);
    if (point.startsWith("provider.")) return runs(["payments"])(target);
    if (point.startsWith("delivery.")) return runs(CONSUMERS)(target);
    return runs(SQL)(target);
  });

/** As an orchestrator: what is down is back after up to five seconds, at once where nobody else does the work. */
const downtime = (random: Random, alone: boolean): number => Math.round(random.between(0, alone ? 500 : 5_000));

const whole = (random: Random, min: number, max: number): number => Math.round(random.between(min, max));

export const planOf = ({ seed, durationMs, faults, brokers, servers, kinds: wanted }: PlanOptions): Fault[] => {
  const random = seeded(seed);
  const anyBroker = random.deck(brokers);
  const anySaga = random.deck(brokers.filter(runs(SAGA)));
  const anyConsumer = random.deck(brokers.filter(runs(CONSUMERS)));
  const anyOrders = random.deck(brokers.filter(runs(["orders"])));
  const anyPayments = random.deck(brokers.filter(runs(["payments"])));
  const anyServer = random.deck(servers);
  const links = brokers.flatMap(({ name, servers: own }) => own.map((server) => ({ broker: name, server })));
  const anyLink = random.deck(links);
  const anyPoint = random.deck(CRASH_POINTS);

  const brokerFor = (point: CrashPoint): Target => {
    if (point.startsWith("order.")) return anyOrders();
    if (point.startsWith("provider.")) return anyPayments();
    return anySaga();
  };

  const make: Record<FaultKind, () => Fault> = {
    "kill broker": () => {
      const { name, alone } = anyBroker();
      return { atMs: 0, kind: "kill broker", broker: name, downMs: downtime(random, alone) };
    },
    "crash point": () => {
      const point = anyPoint();
      const target = brokerFor(point);
      const usable = pointsOf(target).includes(point) ? point : random.pick(pointsOf(target));
      const pass = random.integer(1, 3);
      return { atMs: 0, kind: "crash point", broker: target.name, point: usable, pass, downMs: downtime(random, target.alone) };
    },
    "pause broker": () => ({ atMs: 0, kind: "pause broker", broker: anyBroker().name, forMs: whole(random, 1_000, 8_000) }),
    "kill server": () => ({ atMs: 0, kind: "kill server", server: anyServer(), downMs: whole(random, 0, 2_000) }),
    "lose NATS' disk": () => ({ atMs: 0, kind: "lose NATS' disk", downMs: whole(random, 0, 2_000) }),
    "pause server": () => ({ atMs: 0, kind: "pause server", server: anyServer(), forMs: whole(random, 1_000, 5_000) }),
    "cut connection": () => ({
      atMs: 0,
      kind: "cut connection",
      ...anyLink(),
      how: random.pick(["drop", "stall"] as const),
      forMs: whole(random, 500, 7_000),
    }),
    "disturb deliveries": () => ({
      atMs: 0,
      kind: "disturb deliveries",
      broker: anyConsumer().name,
      duplicate: 0.3,
      delay: 0.3,
      maxDelayMs: whole(random, 500, 4_000),
      forMs: whole(random, 5_000, 15_000),
    }),
    "clock jump": () => ({
      atMs: 0,
      kind: "clock jump",
      broker: anySaga().name,
      // Deadlines that are made while a clock is ahead wait as long when it is set back: not longer than the run itself.
      aheadMs: whole(random, 20_000, Math.max(25_000, Math.min(90_000, durationMs))),
      forMs: whole(random, 2_000, 8_000),
    }),
    provider: () => ({
      atMs: 0,
      kind: "provider",
      broker: anyPayments().name,
      fails: 0.3,
      slow: 0.3,
      slowMs: whole(random, 500, 3_000),
      answerLost: 0.3,
      forMs: whole(random, 5_000, 15_000),
    }),
  };

  const embedded = servers.length === 0;
  const kinds: FaultKind[] = embedded
    ? ["kill broker", "kill broker", "crash point", "crash point", "crash point", "disturb deliveries", "clock jump", "provider"]
    : [
        "kill broker",
        "kill broker",
        "crash point",
        "crash point",
        "pause broker",
        "kill server",
        "kill server",
        "lose NATS' disk",
        "pause server",
        "cut connection",
        "cut connection",
        "disturb deliveries",
        "clock jump",
        "provider",
      ];
  const anyKind = random.deck(wanted === undefined ? kinds : kinds.filter((kind) => wanted.includes(kind)));
  const spacing = durationMs / faults;
  return Array.from({ length: faults }, (_, index) => ({
    ...make[anyKind()](),
    atMs: Math.round((index + random.next()) * spacing),
  }));
};

/** One line for the log. */
export const tell = ({ atMs: _, kind, ...detail }: Fault): string =>
  `${kind} ${Object.entries(detail)
    .map(([name, value]) => (typeof value === "string" ? value : `${name}=${value}`))
    .join(" ")}`;

import { type ActionName, type ActionParams, type ActionResult, type ServiceName, serviceNames } from "../contracts/index.ts";

/** A call to the mesh by its contract. */
export type CallMesh = <N extends ActionName>(name: N, params: ActionParams<N>) => Promise<ActionResult<N>>;

export interface Missing {
  service: ServiceName;
  error: unknown;
}

export interface Answers<T> {
  answers: { service: ServiceName; answer: T }[];
  /** The services that have not answered. */
  missing: Missing[];
}

/** One service that is slow or down must not keep from operators what the others know. */
const DEADLINE_MS = 2_000;

/** Asks services at once. Each answers, or is named as missing, within the deadline. */
export const askServices = async <T>(
  ask: (service: ServiceName) => Promise<T>,
  { services = serviceNames, deadlineMs = DEADLINE_MS }: { services?: readonly ServiceName[]; deadlineMs?: number } = {},
): Promise<Answers<T>> => {
  const answers: Answers<T>["answers"] = [];
  const missing: Missing[] = [];
  await Promise.all(
    services.map(async (service) => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${service} has not answered within ${deadlineMs} ms`)), deadlineMs);
      });
      try {
        answers.push({ service, answer: await Promise.race([ask(service), late]) });
      } catch (error) {
        missing.push({ service, error });
      } finally {
        clearTimeout(timer);
      }
    }),
  );
  const byName = (a: { service: string }, b: { service: string }) => (a.service < b.service ? -1 : 1);
  return { answers: answers.sort(byName), missing: missing.sort(byName) };
};

import { findServer, type Server } from "./find.ts";

/** A suite that needs these servers. Where one cannot be had, the suite is reported as skipped and says so aloud. */
export const describeWith = (servers: readonly Server[], name: string, suite: () => void): void => {
  const missing = servers.flatMap((server) => {
    const found = findServer(server);
    return found.by === "nothing" ? [`${server} (${found.reason})`] : [];
  });
  if (missing.length === 0) {
    describe(name, suite);
    return;
  }
  // Straight to stderr: Jest would hold a console message back and bury it in a stack trace.
  process.stderr.write(`NOTICE: suite "${name}" does not run, it lacks ${missing.join(", ")}\n`);
  describe.skip(name, suite);
};

import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { PromptDiscoverer } from "@molecart/mixins/prompt-discoverer.ts";

describe("The prompt discoverer", () => {
  let discoverer: PromptDiscoverer;
  const disconnected = jest.fn();
  const removePendingRequestByNodeID = jest.fn();
  const peer = { id: "orders-1", local: false, available: true, instanceID: "first", heartbeat() {}, seq: 1 };

  beforeEach(() => {
    jest.useFakeTimers();
    jest.clearAllMocks();
    discoverer = new PromptDiscoverer({ heartbeatInterval: 1, heartbeatTimeout: 3 });
    const nodes = { get: () => peer, toArray: () => [peer], disconnected };
    Object.assign(discoverer, {
      registry: { nodes },
      broker: { registry: { nodes, processNodeInfo: () => peer } },
      transit: { removePendingRequestByNodeID },
      logger: { warn() {} },
      beat: async () => {},
    });
    discoverer.startHeartbeatTimers();
  });
  afterEach(() => {
    discoverer.stopHeartbeatTimers();
    jest.useRealTimers();
  });

  test("takes a node for dead within two and a half seconds of its last beat, and not while it beats", () => {
    for (let beat = 0; beat < 10; beat++) {
      jest.advanceTimersByTime(600);
      discoverer.heartbeatReceived(peer.id, { seq: 1, instanceID: "first" });
    }
    expect(disconnected).not.toHaveBeenCalled();
    jest.advanceTimersByTime(2_500);
    expect(disconnected).toHaveBeenCalledWith("orders-1", true);
  });

  test("blames nobody for a pause of its own process", () => {
    discoverer.heartbeatReceived(peer.id, { seq: 1, instanceID: "first" });
    jest.setSystemTime(Date.now() + 8_000);
    const now = performance.now();
    const frozen = jest.spyOn(performance, "now").mockImplementation(() => now + 8_000);
    discoverer.checkRemoteNodes();
    frozen.mockRestore();
    expect(disconnected).not.toHaveBeenCalled();
  });

  test("rejects what a node was asked before it was killed and started again unnoticed", () => {
    discoverer.processRemoteNodeInfo(peer.id, { instanceID: "first" });
    expect(removePendingRequestByNodeID).not.toHaveBeenCalled();
    discoverer.processRemoteNodeInfo(peer.id, { instanceID: "second" });
    expect(removePendingRequestByNodeID).toHaveBeenCalledWith("orders-1");
  });
});

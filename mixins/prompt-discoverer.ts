import moleculer from "moleculer";

/** Two beats may be lost or late before a node is taken for dead. */
const BEAT_MS = 600;
const DEAD_AFTER_MS = 2_000;
const LOOK_EVERY_MS = 200;
/** A look that comes later than this finds what this process itself has missed: beats that lie unread in its socket. */
const HELD_UP_MS = 1_000;

interface HeardNode {
  id: string;
  local: boolean;
  available: boolean;
  instanceID: string | null;
}
interface Nodes {
  get(id: string): HeardNode | undefined;
  toArray(): HeardNode[];
  disconnected(id: string, unexpected: boolean): void;
}

/** Knows within some two seconds that a node was killed, froze or lost its way to the mesh, so that its callers' requests are
 *  rejected, repeated and answered by another node while their clients still wait. (The framework's own looks once per timeout
 *  and counts whole seconds: with a timeout of three seconds it takes up to seven.) A node that is heard again is taken back. */
export class PromptDiscoverer extends moleculer.Discoverers.Local {
  /** When each node was last heard, `performance.now()`. */
  readonly #heard = new Map<string, number>();
  #lookedAt = 0;

  override startHeartbeatTimers(): void {
    super.startHeartbeatTimers();
    clearInterval(this.heartbeatTimer);
    clearInterval(this.checkNodesTimer);
    this.#pardonAll();
    this.heartbeatTimer = setInterval(() => this.beat(), BEAT_MS).unref();
    this.checkNodesTimer = setInterval(() => this.checkRemoteNodes(), LOOK_EVERY_MS).unref();
  }

  override heartbeatReceived(nodeID: string, payload: Record<string, unknown>): void {
    this.#heard.set(nodeID, performance.now());
    super.heartbeatReceived(nodeID, payload);
  }

  override processRemoteNodeInfo(nodeID: string, payload: Record<string, unknown>) {
    this.#heard.set(nodeID, performance.now());
    // Killed and back before anybody missed it: nobody answers what the former one was asked.
    const known = this.#nodes.get(nodeID);
    if (known?.available && known.instanceID !== null && known.instanceID !== payload.instanceID)
      this.transit?.removePendingRequestByNodeID(nodeID);
    return super.processRemoteNodeInfo(nodeID, payload);
  }

  override checkRemoteNodes(): void {
    const now = performance.now();
    const heldUp = now - this.#lookedAt > HELD_UP_MS;
    this.#lookedAt = now;
    if (heldUp) {
      this.#pardonAll();
      return;
    }
    for (const { id, local, available } of this.#nodes.toArray()) {
      if (local || !available) continue;
      const heard = this.#heard.get(id);
      if (heard === undefined) this.#heard.set(id, now);
      else if (now - heard > DEAD_AFTER_MS) {
        this.logger.warn(`Nothing was heard of the node '${id}' for ${DEAD_AFTER_MS} ms.`);
        this.#nodes.disconnected(id, true);
      }
    }
  }

  get #nodes(): Nodes {
    return (this.registry as unknown as { nodes: Nodes }).nodes;
  }

  #pardonAll(): void {
    this.#lookedAt = performance.now();
    this.#heard.clear();
  }
}

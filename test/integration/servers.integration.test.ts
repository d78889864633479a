import { Redis } from "ioredis";
import { connect, type NatsConnection } from "nats";
import pg from "pg";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { startNats } from "../support/servers/nats.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import type { RunningServer } from "../support/servers/process.ts";
import { startRedis } from "../support/servers/redis.ts";

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describeWith(["nats"], "a NATS server for tests", () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startNats({ jetstream: true });
  });
  afterAll(() => server.stop());

  const talk = async <T>(work: (nats: NatsConnection) => Promise<T>): Promise<T> => {
    const nats = await connect({ servers: server.url });
    try {
      return await work(nats);
    } finally {
      await nats.close();
    }
  };

  it("keeps a stream's messages through kill -9 and a restart on the same port", async () => {
    const { url, pid } = server;
    await talk(async (nats) => {
      const manager = await nats.jetstreamManager();
      await manager.streams.add({ name: "kept", subjects: ["kept.*"] });
      await nats.jetstream().publish("kept.one", "first");
    });

    await server.kill();
    expect(isRunning(pid)).toBe(false);
    await server.restart();

    expect(server.url).toBe(url);
    expect(server.pid).not.toBe(pid);
    const messages = await talk(async (nats) => (await (await nats.jetstreamManager()).streams.info("kept")).state.messages);
    expect(messages).toBe(1);
  });
});

describeWith(["redis"], "a Redis server for tests", () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  const talk = async <T>(work: (redis: Redis) => Promise<T>): Promise<T> => {
    const redis = new Redis(server.url);
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  };

  it("keeps what it answered OK to through kill -9 and a restart", async () => {
    await talk((redis) => redis.set("kept", "yes"));
    await server.kill();
    await server.restart();
    expect(await talk((redis) => redis.get("kept"))).toBe("yes");
  });

  it("answers nothing while it is paused and everything afterwards", async () => {
    await talk(async (redis) => {
      server.pause();
      const answer = redis.ping();
      const early = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 100, "nothing"))]);
      server.resume();
      expect(early).toBe("nothing");
      expect(await answer).toBe("PONG");
    });
  });
});

describeWith(["postgres"], "a PostgreSQL server for tests", () => {
  let server: PostgresServer;
  let url: string;
  beforeAll(async () => {
    server = await startPostgres();
    url = await server.createDatabase("kept");
  });
  afterAll(() => server.stop());

  const talk = async <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const count = () => talk(async (client) => Number((await client.query("select count(*) from t")).rows[0].count));

  it("syncs what it commits, and keeps it through kill -9 under open connections", async () => {
    await talk(async (client) => {
      expect((await client.query("show fsync")).rows[0].fsync).toBe("on");
      await client.query("create table t as select generate_series(1, 1000) as n");
      await server.kill();
    });
    await server.restart();
    expect(await count()).toBe(1000);
  });

  it("freezes with all of its processes", async () => {
    await talk(async (client) => {
      server.pause();
      const answer = client.query("select 1 as one");
      const early = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 100, "nothing"))]);
      server.resume();
      expect(early).toBe("nothing");
      expect((await answer).rows).toEqual([{ one: 1 }]);
    });
  });

  it("gives every server its own data", async () => {
    const other = await startPostgres({ fsync: false });
    try {
      const client = new pg.Client({ connectionString: other.url });
      await client.connect();
      const databases = (await client.query("select datname from pg_database")).rows.map((row) => row.datname);
      await client.end();
      expect(databases).not.toContain("kept");
    } finally {
      await other.stop();
    }
    await eventually(() => expect(() => other.pid).toThrow("not running"));
  });
});

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Connection } from "../../agent/session/connection.ts";
import { NodeSession } from "../../agent/session/node-session.ts";
import { ComputeClient } from "../../sdk/client.ts";
import { nodeDescription, RUN_HEADER } from "../../shared/node.ts";
import type { Api } from "../support/api.ts";
import { Fleet } from "../support/fleet.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestMongo } from "../support/mongod.ts";
import { describeNode } from "../support/played-node.ts";
import { TestRedis } from "../support/redis.ts";
import { makeScratch } from "../support/scratch.ts";
import { waitFor } from "../support/wait.ts";

const AGENTS = 50;
const ROUNDS = 2;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

const mongo = forAllTests(await TestMongo.start());
const redis = forAllTests(await TestRedis.start());

/** The session of a real agent that registered with an enrolment token, and polls until the end. */
class PollingAgent {
  /** Polls that were answered. */
  answers = 0;
  readonly session: NodeSession;
  readonly failed: Promise<unknown>;

  private constructor(
    url: string,
    token: string,
    readonly filePath: string,
    private readonly over: AbortSignal,
  ) {
    const description = nodeDescription.parse(describeNode().description);
    const clientWith = (headers: Record<string, string>) =>
      new ComputeClient({ url, credentials: { headers: () => headers } });
    this.session = new NodeSession({
      userClient: clientWith({}),
      enrolClient: clientWith({ "x-api-key": token }),
      createNodeClient: (key, runId) => clientWith({ "x-api-key": key, [RUN_HEADER]: runId }),
      nodeFilePath: filePath,
      profile: { description },
      connection: new Connection(log),
      executions: { held: () => [], holdStarts: () => () => undefined, disownAll: () => undefined },
      directory: { directory: "d", path: filePath },
      run: { runId: crypto.randomUUID(), place: "p", machine: "m", host: "h", pid: 1 },
      log,
    });
    this.failed = this.poll();
  }

  static start(url: string, token: string, filePath: string, over: AbortSignal): PollingAgent {
    return new PollingAgent(url, token, filePath, over);
  }

  get nodeId(): string {
    return this.session.nodeId;
  }

  get key(): string {
    return (JSON.parse(readFileSync(this.filePath, "utf8")) as { nodeKey: string }).nodeKey;
  }

  private async poll(): Promise<unknown> {
    try {
      const description = nodeDescription.parse(describeNode().description);
      await this.session.announce({ description }, this.over);
      while (!this.over.aborted) {
        const input = () => ({ executions: [], maxAssignments: 1, waitSeconds: 5 });
        await this.session.call("nodes.poll", input, this.over);
        this.answers++;
      }
      return undefined;
    } catch (error) {
      return this.over.aborted ? undefined : error;
    }
  }
}

test("while 50 agents poll three servers and their keys are replaced by hand and by themselves, none is lost and no old key works", async () => {
  await using scratch = await makeScratch();
  const store = { TANVRIT_STORE: mongo.url("node-keys"), TANVRIT_BUS: redis.url };
  await using fleet = await Fleet.start(["0", "0", "0"], store);
  const apis = fleet.servers.map(({ api }) => api);
  const apiOf = (i: number) => apis[i % apis.length] as Api;
  const user = await apiOf(0).user();
  const { token } = await apiOf(0).call("enrolments.create", { uses: AGENTS }, user);
  const over = new AbortController();
  const agents = Array.from({ length: AGENTS }, (_, i) =>
    PollingAgent.start(apiOf(i).url, token, scratch.join(`node-${i}.json`), over.signal),
  );
  await waitFor("every agent to register", () => agents.every((agent) => agent.nodeId !== ""), {
    timeoutMs: 30_000,
  });
  expect((await apiOf(1).call("enrolments.list", {}, user)).enrolments[0]?.used).toBe(AGENTS);
  const dead = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const before = agents.map((agent) => agent.key);
    const rotations = agents.map(async (agent, i) => {
      // Odd ones by a person, at another server than the agent's; even ones by the agent.
      if (i % 2 === 0) return agent.session.rotateKey(over.signal);
      const { nodeKey } = await apiOf(i + 1).call("nodes.rotate-key", { nodeId: agent.nodeId }, user);
      dead.add(nodeKey);
    });
    await Promise.all(rotations);
    await waitFor(
      "every agent to have its new key",
      () => agents.every((agent, i) => agent.key !== before[i]),
      { timeoutMs: 30_000 },
    );
    for (const key of before) dead.add(key);
  }
  const answered = agents.map((agent) => agent.answers);
  await waitFor(
    "every agent to poll on",
    () => agents.every((agent, i) => agent.answers > (answered[i] ?? 0)),
    {
      timeoutMs: 30_000,
    },
  );
  for (const [i, nodeKey] of [...dead].entries()) {
    const refused = await apiOf(i).refused("nodes.heartbeat", { executions: [] }, { nodeKey });
    expect(refused.code).toBe("unauthenticated");
  }
  over.abort();
  expect((await Promise.all(agents.map((agent) => agent.failed))).filter(Boolean)).toEqual([]);
  expect((await apiOf(2).call("nodes.list", { limit: 100 }, user)).nodes).toHaveLength(AGENTS);
});

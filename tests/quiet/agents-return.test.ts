import { expect, test } from "bun:test";
import type { Api } from "../support/api.ts";
import { describeNode } from "../support/played-node.ts";
import { RawHttp } from "../support/raw-http.ts";
import { TestServer } from "../support/server.ts";

const AGENTS = 1_000;
const AT_ONCE = 50;
const BACK_WITHIN_MS = 10_000;
/** While they return, anybody else waits at most this long; with bcrypt in the way it would be seconds. */
const OTHERS_WAIT_MS = 1_500;

test("a thousand agents that restart at once are back within ten seconds, and nobody else waits behind their keys", async () => {
  await using server = await TestServer.start();
  const user = await server.api.user();
  const keys = await registered(server.api, user);
  await server.kill();
  await server.startAgain();
  const { api } = server;
  const startMs = performance.now();
  let areBack = false;
  const longestMs = longestWait(async () => {
    expect(await list(server.port, user.token ?? "")).toBe(200);
    return areBack;
  });
  await Promise.all(keys.map((nodeKey, i) => comeBack(api, nodeKey, i)));
  areBack = true;
  const backMs = performance.now() - startMs;
  const waitedMs = await longestMs;
  console.log(
    `${AGENTS} agents were back after ${backMs.toFixed(0)} ms; others waited ${waitedMs.toFixed(0)} ms`,
  );
  expect(backMs).toBeLessThan(BACK_WITHIN_MS);
  expect(waitedMs).toBeLessThan(OTHERS_WAIT_MS);
});

/** A person's request on a connection of its own: in `fetch` it would wait for the agents of this process. */
async function list(port: number, token: string): Promise<number> {
  using http = new RawHttp(port, [
    "POST /api/compute/jobs/list HTTP/1.1",
    `Host: 127.0.0.1:${port}`,
    `Authorization: Bearer ${token}`,
    "Content-Type: application/json",
    "Content-Length: 2",
  ]);
  http.write("{}");
  return await http.status();
}

/** What an agent does when it starts. */
async function comeBack(api: Api, nodeKey: string, i: number): Promise<void> {
  const runId = crypto.randomUUID();
  const run = { runId, place: `place-${i}`, machine: `machine-${i}`, host: "h", pid: 1 };
  await api.call("nodes.register", { ...describeNode({ name: `node-${i}` }), run }, { nodeKey });
  await api.call("nodes.heartbeat", { executions: [] }, { nodeKey, runId });
  await api.call("nodes.poll", { executions: [], maxAssignments: 1, waitSeconds: 0 }, { nodeKey, runId });
}

async function registered(api: Api, user: { token?: string }): Promise<string[]> {
  const keys: string[] = [];
  let next = 0;
  const registerSome = async () => {
    while (next < AGENTS) {
      const name = `node-${next++}`;
      keys.push((await api.call("nodes.register", describeNode({ name }), user)).nodeKey ?? "");
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, registerSome));
  return keys;
}

/** The longest of many requests, one after the other, until one says that it is the last. */
async function longestWait(ask: () => Promise<boolean>): Promise<number> {
  for (let longestMs = 0; ; ) {
    const startMs = performance.now();
    const isLast = await ask();
    longestMs = Math.max(longestMs, performance.now() - startMs);
    if (isLast) return longestMs;
  }
}

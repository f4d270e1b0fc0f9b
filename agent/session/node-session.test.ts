import { expect, test } from "bun:test";
import { ComputeClient } from "../../sdk/client.ts";
import { nodeDescription } from "../../shared/node.ts";
import { describeNode } from "../../tests/support/played-node.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { Connection } from "./connection.ts";
import { NodeSession } from "./node-session.ts";

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

test("a first registration whose answer is lost is sent again with the same key, so that it makes one node", async () => {
  await using scratch = await makeScratch();
  const keys: (string | null)[] = [];
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      keys.push(request.headers.get("idempotency-key"));
      if (keys.length === 1) return new Response("a proxy answers in its place", { status: 502 });
      const node = { nodeId: `node_${"0".repeat(26)}`, name: "n" };
      return Response.json({ node, nodeKey: "k", heartbeatSeconds: 10, offlineAfterSeconds: 30 });
    },
  });
  const clientOf = () => new ComputeClient({ url: server.url.href });
  const description = nodeDescription.parse(describeNode().description);
  const session = new NodeSession({
    userClient: clientOf(),
    createNodeClient: clientOf,
    nodeFilePath: scratch.join("node.json"),
    profile: { description },
    connection: new Connection(log),
    executions: { held: () => [], holdStarts: () => () => undefined, disownAll: () => undefined },
    directory: { directory: "d", path: scratch.path },
    run: { runId: crypto.randomUUID(), place: "p", machine: "m", host: "h", pid: 1 },
    log,
  });
  await session.announce({ description }, AbortSignal.timeout(4_000));
  expect(session.nodeId).toStartWith("node_");
  expect(keys).toHaveLength(2);
  expect(keys[0]).toBeTruthy();
  expect(keys[1]).toBe(keys[0] ?? "");
});

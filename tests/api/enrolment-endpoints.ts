import { expect } from "bun:test";
import { describeNode } from "../support/played-node.ts";
import type { Scenarios } from "./stage.ts";

/** A scenario for each endpoint of enrolment. */
export const enrolmentScenarios = {
  "enrolments.create": async ({ api, user }) => {
    const given = { uses: 2, pool: "farm", labels: { disk: "ssd" } };
    const { token, serverUrl, ...made } = await api.call("enrolments.create", given, user);
    expect(made).toMatchObject({ ...given, used: 0 });
    expect(token).toStartWith("tnve_");
    // This server speaks plain HTTP, and only on its own machine.
    expect(serverUrl).toMatch(/^http:/);
    expect(made).not.toHaveProperty("fingerprint");
    const machine = { nodeKey: token };
    const announced = describeNode({ name: "machine", labels: { os: "linux", trusted: "yes" } });
    const once = { "idempotency-key": crypto.randomUUID() };
    const first = await api.call("nodes.register", announced, machine, once);
    // The token decides what the node offers; its own labels wait for a person.
    expect(first.node).toMatchObject({
      pool: "farm",
      labels: { os: "linux", disk: "ssd" },
      waitsForGrant: { labels: { trusted: "yes" } },
    });
    // A registration whose answer was lost is the same node, and one use.
    const again = await api.call("nodes.register", announced, machine, once);
    expect(again.node.nodeId).toBe(first.node.nodeId);
    await api.call("nodes.heartbeat", { executions: [] }, { nodeKey: again.nodeKey });
    const restarted = await api.call("nodes.register", announced, { nodeKey: again.nodeKey });
    expect(restarted.node).toMatchObject({ pool: "farm", labels: { disk: "ssd" } });
    await api.call("nodes.register", announced, machine);
    expect(await api.refused("nodes.register", announced, machine)).toMatchObject({
      code: "forbidden",
      detail: expect.stringContaining("2 of 2"),
    });
    expect((await api.refused("nodes.list", {}, machine)).code).toBe("forbidden");
    expect((await api.refused("nodes.heartbeat", { executions: [] }, machine)).code).toBe("forbidden");
  },

  "enrolments.list": async ({ api, user }) => {
    const { token, serverUrl: _, ...made } = await api.call("enrolments.create", { ttlSeconds: 60 }, user);
    const { enrolments } = await api.call("enrolments.list", { limit: 1 }, user);
    expect(enrolments).toEqual([made]);
    expect(JSON.stringify(enrolments)).not.toContain(token);
  },

  "enrolments.revoke": async ({ api, user }) => {
    const { enrolmentId, token } = await api.call("enrolments.create", { uses: 5 }, user);
    const machine = { nodeKey: token };
    const { node, nodeKey } = await api.call("nodes.register", describeNode(), machine);
    const revoked = await api.call("enrolments.revoke", { enrolmentId }, user);
    expect(revoked).toMatchObject({ used: 1, revokedAt: expect.any(String), endedNodes: [] });
    expect(await api.refused("nodes.register", describeNode(), machine)).toMatchObject({
      code: "unauthenticated",
      detail: expect.stringContaining("revoked"),
    });
    await api.call("nodes.heartbeat", { executions: [] }, { nodeKey });
    const ended = await api.call("enrolments.revoke", { enrolmentId, nodes: true }, user);
    expect(ended.endedNodes).toEqual([node.nodeId]);
    const beat = await api.refused("nodes.heartbeat", { executions: [] }, { nodeKey });
    expect(beat.code).toBe("session_ended");
  },
} satisfies Partial<Scenarios>;

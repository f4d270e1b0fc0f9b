import { expect, test } from "bun:test";
import { AuthWorld } from "../../tests/support/auth-world.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import { sessionEnder } from "./session-end.ts";

test("a node that registers while its session ends has no access afterwards", async () => {
  await using world = await AuthWorld.open();
  const session = await world.signIn();
  const { node } = await world.addNode(session);
  const { sessions, nodes, now } = world;
  let calls = 0;
  const end = sessionEnder({
    sessions,
    bus: new MemoryBus(),
    now,
    async onSessionEnd(sessionId) {
      await nodes.endAccess(sessionId);
      // The agent hears of it and registers again, before the session is revoked.
      if (calls++ === 0) await nodes.update(node.businessId, node.nodeId, { accessEnded: false });
    },
  });
  await end(session.sessionId);
  expect(await sessions.isLive(session.sessionId)).toBe(false);
  expect((await nodes.findAny(node.nodeId))?.accessEnded).toBe(true);
});

import { expect, setDefaultTimeout, test } from "bun:test";
import { AgentConversation } from "../support/agent-conversation.ts";
import { type As, type NodeCalls, nodeCalls } from "../support/api.ts";
import { TestPlane } from "../support/plane.ts";
import { makeScratch } from "../support/scratch.ts";
import { type Direction, TcpProxy } from "../support/tcp-proxy.ts";

setDefaultTimeout(240_000);

/** Conversations at the same time, each with a node and a connection of its own. */
const LANES = 4;
const TALK_MS = 20_000;
const LINES = ["first", "second"];

/** What the server has of a job: its status, and the number of lines of each execution. */
interface Outcome {
  status: string;
  attempt: number;
  logLines: (number | undefined)[];
}

/** One node, whose connection goes through a proxy that cuts it. */
async function laneOf(plane: TestPlane, user: As, calls: NodeCalls, stack: AsyncDisposableStack) {
  const proxy = stack.use(await TcpProxy.to(plane.port));
  const scratch = stack.use(await makeScratch());
  const label = crypto.randomUUID();
  const parts = { url: proxy.url, user, nodeFile: scratch.join("node.json"), label, calls };
  const conversation = new AgentConversation(parts);
  /** One job from its submit to what the server has of it. */
  const talk = async (): Promise<Outcome> => {
    const { jobId } = await plane.api.call("jobs.submit", { command: "true", labels: { only: label } }, user);
    await conversation.talk(LINES, AbortSignal.timeout(TALK_MS));
    const { status, attempt } = await plane.api.call("jobs.retrieve", { jobId }, user);
    const { executions } = await plane.api.call("executions.list", { jobId }, user);
    return { status, attempt, logLines: executions.map((one) => one.logLines) };
  };
  return { proxy, talk };
}

const whole: Outcome = { status: "SUCCESS", attempt: 1, logLines: [LINES.length] };

for (const calls of nodeCalls) {
  for (const direction of ["toServer", "toClient"] as const) {
    test(`over ${calls}, a connection that breaks at any byte ${wordsOf(direction)} loses and doubles nothing`, async () => {
      await using stack = new AsyncDisposableStack();
      const plane = stack.use(await TestPlane.start());
      const user = await plane.api.user();
      const lanes = await Promise.all(Array.from({ length: LANES }, () => laneOf(plane, user, calls, stack)));
      // The first conversation also registers the node, which the others only do again.
      for (const { talk } of lanes) expect(await talk()).toEqual(whole);
      let next = 1;
      let isBeyondTheEnd = false;
      await Promise.all(
        lanes.map(async ({ proxy, talk }) => {
          while (!isBeyondTheEnd) {
            const at = next++;
            const connectionsBefore = proxy.accepted;
            proxy.cutAfter(at, direction);
            expect({ at, ...(await talk()) }).toEqual({ at, ...whole });
            if (proxy.hasCut) continue;
            isBeyondTheEnd = true;
            if (calls === "socket") expect(proxy.accepted - connectionsBefore).toBe(1);
          }
        }),
      );
      // So many bytes were cut at: an upgrade, and at least five calls or answers.
      expect(next).toBeGreaterThan(1_000);
    });
  }
}

function wordsOf(direction: Direction): string {
  return direction === "toServer" ? "on its way to the server" : "on its way to the agent";
}

import { type NodeSession, SessionEndedError } from "../node-session.ts";
import type { ServerClock } from "../server-clock.ts";
import { pause } from "../wait.ts";
import type { Worker } from "../worker.ts";

/**
 * Says at a steady pace that the node is alive and what it holds, and hands the orders to the worker. It goes on
 * after the session has ended: what still runs is alive, and may finish.
 */
export async function heartbeatLoop(
  session: NodeSession,
  worker: Worker,
  clock: ServerClock,
  onSessionEnded: (error: SessionEndedError) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    let sentAtMs = 0;
    const input = () => {
      sentAtMs = Date.now();
      return { executions: worker.held() };
    };
    try {
      const orders = await session.call("nodes.heartbeat", input, signal);
      clock.sample(orders.now, sentAtMs, Date.now());
      worker.obey(orders);
    } catch (error) {
      if (!(error instanceof SessionEndedError)) throw error;
      onSessionEnded(error);
    }
    await pause(session.heartbeatSeconds * 1_000, signal);
  }
}

import { Connection } from "../../agent/session/connection.ts";
import { NodeSession } from "../../agent/session/node-session.ts";
import { openSocket } from "../../agent/session/open-socket.ts";
import { ServerLine } from "../../agent/session/server-line.ts";
import { ComputeClient } from "../../sdk/client.ts";
import { batchOf, runsOf } from "../../shared/line-runs.ts";
import { type AgentRun, nodeDescription, nodeHeaders } from "../../shared/node.ts";
import type { As, NodeCalls } from "./api.ts";
import { describeNode } from "./played-node.ts";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** What the agent says to the server from its start to the result of one job, by the agent's own session. */
export class AgentConversation {
  private readonly run: AgentRun = {
    runId: crypto.randomUUID(),
    place: crypto.randomUUID(),
    machine: "m",
    host: "h",
    pid: 1,
  };

  constructor(
    private readonly parts: {
      url: string;
      user: As;
      /** Where the node's key is kept between two talks. */
      nodeFile: string;
      label: string;
      calls: NodeCalls;
    },
  ) {}

  /** Registers, takes one job, and reports it with these lines. Whatever breaks in between is repeated at once. */
  async talk(lines: readonly string[], signal: AbortSignal): Promise<string> {
    const { url, calls } = this.parts;
    const connection = new Connection(silent);
    // A test does not wait for the pause before the next try.
    connection.serverAway.subscribe(() => setImmediate(() => connection.hurry()));
    const line = new ServerLine({
      url,
      open: (headers) => openSocket({ url }, headers),
      mode: () => (calls === "socket" ? "auto" : "http"),
      connection,
      log: silent,
    });
    try {
      return await this.talkOver(this.sessionOver(connection, line), lines, signal);
    } finally {
      line.close();
    }
  }

  private sessionOver(connection: Connection, line: ServerLine): NodeSession {
    const { url, user, nodeFile, label } = this.parts;
    const clientWith = (headers: Record<string, string>) =>
      new ComputeClient({ url, credentials: { headers: () => headers } });
    const description = nodeDescription.parse(describeNode({ labels: { only: label } }).description);
    return new NodeSession({
      userClient: clientWith({ authorization: `Bearer ${user.token}` }),
      createNodeClient: (nodeKey, runId) => clientWith(nodeHeaders(nodeKey, runId)),
      nodeFilePath: nodeFile,
      profile: { description },
      connection,
      line,
      executions: { held: () => [], holdStarts: () => () => undefined, disownAll: () => undefined },
      directory: { directory: "d", path: nodeFile },
      run: this.run,
      log: silent,
    });
  }

  private async talkOver(
    session: NodeSession,
    lines: readonly string[],
    signal: AbortSignal,
  ): Promise<string> {
    const description = nodeDescription.parse(
      describeNode({ labels: { only: this.parts.label } }).description,
    );
    await session.announce({ description }, signal);
    let executionId: string | undefined;
    while (executionId === undefined) {
      const input = () => ({ executions: [], maxAssignments: 1, waitSeconds: 5 });
      executionId = (await session.call("nodes.poll", input, signal)).assignments[0]?.executionId;
    }
    const id = executionId;
    const report = (status: "RUNNING" | "SUCCEEDED") => {
      const reports = [{ executionId: id, status, at: new Date().toISOString() }];
      return session.call("nodes.result", () => ({ reports }), signal);
    };
    await report("RUNNING");
    const at = new Date().toISOString();
    const batch = batchOf(
      id,
      runsOf(lines.map((text, i) => ({ seq: i + 1, stream: "stdout" as const, at, text }))),
    );
    const { stored } = await session.call("nodes.logs", () => ({ batches: [batch] }), signal);
    if (stored[0] !== lines.length) throw new Error(`the server has ${stored[0]} lines`);
    await report("SUCCEEDED");
    return id;
  }
}

import { profileInWords } from "../profile/profile.ts";
import type { Settings } from "../profile/settings.ts";
import type { Connection } from "../session/connection.ts";
import { SessionEndedError } from "../session/errors.ts";
import type { NodeSession } from "../session/node-session.ts";
import type { ServerLine } from "../session/server-line.ts";
import type { Supervisors } from "../supervisor/supervisors.ts";
import type { AgentFiles } from "../worker/agent-files.ts";
import type { Worker } from "../worker/worker.ts";
import type { AgentStatus, ControlAnswer, ControlRequest, StopHow } from "./protocol.ts";

export interface AgentControlParts {
  serverUrl: string;
  session: NodeSession;
  connection: Connection;
  line: Pick<ServerLine, "inUse">;
  worker: Worker;
  supervisors: Supervisors;
  settings: Settings;
  files: Pick<AgentFiles, "usage">;
  /** Why the agent is about to end; undefined: it is not. */
  ending(): string | undefined;
  condition(): { suspended: boolean; refusing?: string };
  end(how: StopHow): void;
}

/** The owner waits at the command line. If the server has not answered by then, the owner gets an error. */
const SERVER_LIMIT_MS = 8_000;

/** Answers the commands that the owner of the machine sends to a running agent. */
export class AgentControl {
  private readonly startedAt = new Date().toISOString();

  constructor(private readonly parts: AgentControlParts) {}

  async answer(request: ControlRequest): Promise<ControlAnswer> {
    if (request.type === "drain" || request.type === "resume") {
      const why = await this.drain(request.type === "drain");
      if (why !== undefined) return { ok: false, why };
    } else if (request.type === "stop") {
      this.parts.end(request.how);
    } else if (request.type !== "status") {
      return { ok: false, why: "This agent is from an earlier version and does not know this request." };
    }
    return { ok: true, status: this.status() };
  }

  /** Asks the server to do it, so that it outlives this process. Returns why it failed; undefined: it did not. */
  private async drain(drain: boolean): Promise<string | undefined> {
    const { session, worker } = this.parts;
    if (session.nodeId === "") return "The agent has not registered yet, so there is nothing to drain.";
    const limit = AbortSignal.timeout(SERVER_LIMIT_MS);
    try {
      const node = await session.callNow("nodes.drain", () => ({ drain }), limit);
      worker.nodeStatus = node.status;
      return undefined;
    } catch (error) {
      if (error instanceof SessionEndedError) return error.message;
      if (!limit.aborted) throw error;
      return `The server did not answer within ${SERVER_LIMIT_MS / 1_000} s, so nothing was changed.`;
    }
  }

  private status(): AgentStatus {
    const { worker, session, connection, supervisors, settings, serverUrl, ending, condition } = this.parts;
    const { line } = this.parts;
    const { profile } = settings;
    const { awaySince, lastAnswerAt } = connection;
    return {
      pid: process.pid,
      version: profile.description.agentVersion,
      startedAt: this.startedAt,
      node:
        session.nodeId === ""
          ? undefined
          : { nodeId: session.nodeId, name: session.name ?? profile.description.name },
      server: {
        url: serverUrl,
        connection: awaySince ? "away" : lastAnswerAt ? "up" : "new",
        by: line.inUse,
        awaySince,
        lastAnswerAt,
      },
      nodeStatus: worker.nodeStatus,
      notices: session.notices,
      ending: ending(),
      ...condition(),
      ...(session.isSignedOut && { refusing: "nobody is signed in for this node" }),
      slots: { total: worker.intake.slots, taken: worker.running },
      running: worker.runningExecutions(),
      waiting: worker.waiting,
      undelivered: worker.unsent,
      cache: this.parts.files.usage(),
      supervisors: supervisors.processes,
      settings: {
        path: profile.filePath,
        readAt: settings.readAt,
        error: settings.error,
        inWords: profileInWords(profile),
      },
    };
  }
}

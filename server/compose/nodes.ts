import { AgentService } from "../agent-api/agent-service.ts";
import { agentHandlers } from "../agent-api/handlers.ts";
import { JobInputsService } from "../agent-api/job-inputs.ts";
import type { NodeKeys } from "../auth/node-keys.ts";
import type { EnrolmentService } from "../enrolment/enrolment-service.ts";
import { enrolmentHandlers } from "../enrolment/handlers.ts";
import type { Handlers } from "../http/handler.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import { nodeHandlers } from "../node/handlers.ts";
import { NodeService } from "../node/node-service.ts";
import type { LogLimits } from "../retention/settings.ts";
import type { SecretService } from "../secret/secret-service.ts";
import type { Attendance } from "../tasks/attendance.ts";
import type { PlaneBase } from "./base.ts";
import type { composeExecutions } from "./jobs.ts";

export interface NodeComposition {
  keys: NodeKeys;
  enrolments: EnrolmentService;
  urls: OwnUrls;
  keyMaxAgeMs: number;
  executions: ReturnType<typeof composeExecutions>;
  secrets: SecretService;
  attendance: Attendance;
  pushLogs: Handlers["nodes.logs"];
  pushEvents: Handlers["nodes.workflow-events"];
  logLimits: LogLimits;
}

/** Answers agents, and does what people ask of nodes. */
export function composeNodes(
  { stores, bus, history, ownership, log, now }: PlaneBase,
  parts: NodeComposition,
) {
  const { nodes, executions, sessions } = stores;
  const { keys, enrolments, keyMaxAgeMs, attendance, pushLogs, pushEvents, logLimits } = parts;
  const executionService = parts.executions.service;
  const service = new NodeService({ nodes, keys, bus, now });
  const agentService = new AgentService({
    nodes,
    executions,
    executionService,
    dispatcher: parts.executions.dispatcher,
    keys,
    enrolments,
    keyMaxAgeMs,
    history,
    bus,
    log,
    now,
    listeningSinceMs: () => attendance.sinceMs(),
  });
  return {
    service,
    handlers: {
      ...enrolmentHandlers({
        service: enrolments,
        sessions,
        urls: parts.urls,
        endAccess: (enrolmentId) => service.endAccess(enrolmentId),
      }),
      ...nodeHandlers({ ownership, nodes, executions, sessions, service }),
      ...agentHandlers({
        ownership,
        nodes,
        executions,
        sessions,
        service: agentService,
        executionService,
        pushLogs,
        pushEvents,
        logLimits,
        jobInputs: new JobInputsService({
          executions,
          flow: stores.flow,
          artifacts: stores.artifacts,
          secrets: parts.secrets,
          runs: stores.runs,
        }),
      }),
    },
  };
}

import type { EndpointId } from "../../shared/endpoints/index.ts";
import type { Logger } from "../../shared/logger.ts";
import type { Caller, RequestContext } from "./handler.ts";

/** How calls of an endpoint are logged: the event, and the fields of input and output that say what it was about. */
interface Audited {
  event: string;
  /** Names of fields with ids, counts and words, never with a secret. */
  input?: readonly string[];
  output?: readonly string[];
  /** Whether a call with this output did something that is logged; absent: each did. */
  when?: (output: object) => boolean;
}

const audited: Partial<Record<EndpointId, Audited>> = {
  "auth.logout": { event: "signed out" },
  "nodes.register": { event: "node registered", input: ["nodeId"], output: ["node"] },
  "nodes.rotate-key": { event: "node key replaced", output: ["nodeId"] },
  "nodes.drain": { event: "node drained or resumed", input: ["drain"], output: ["nodeId"] },
  "nodes.delete": { event: "node deleted", input: ["nodeId"] },
  "jobs.cancel": { event: "job cancelled", input: ["jobId"] },
  "jobs.cancel-matching": { event: "jobs cancelled", output: ["matched", "changed"] },
  "jobs.delete": { event: "job deleted", input: ["jobId"] },
  "secrets.set": { event: "secret set", input: ["name"], output: ["version"] },
  "secrets.delete": { event: "secrets deleted", output: ["deleted"] },
  "artifacts.create": {
    event: "artifact created",
    input: ["kind", "executionId"],
    output: ["artifact"],
    when: (output) => !("missing" in output),
  },
  "artifacts.delete": { event: "artifacts deleted", output: ["deleted"] },
  "artifacts.presign-upload": {
    event: "upload link made",
    input: ["jobId"],
    output: ["artifactId", "expiresAt"],
  },
  "artifacts.presign-download": {
    event: "download link made",
    input: ["jobId", "artifactId", "path"],
    output: ["expiresAt"],
  },
  "artifacts.upload": { event: "file sent through a link", input: ["jobId"], output: ["artifact"] },
  "nodes.inputs": { event: "secrets given to a job", input: ["executionId"], when: hasSecrets },
  "credits.grant": { event: "credit granted", input: ["user", "amountMicroUsd"], output: ["entryId"] },
};

/** Who did it and from where, as far as the server knows. */
export interface Actor {
  user?: string;
  business?: string;
  nodeId?: string;
  sessionId?: string;
  /** An address, or `socket` for the same machine. */
  from?: string;
}

/** Logs one line about an action that somebody may have to answer for. */
export function audit(
  log: Logger,
  event: string,
  by: Actor,
  of: Readonly<Record<string, unknown>> = {},
): void {
  const known = Object.entries({ ...by, ...of }).filter(([, value]) => value !== undefined);
  log.info(`audit: ${event}`, Object.fromEntries(known));
}

/** Logs a call that succeeded, if its endpoint is audited. */
export function auditCall(
  log: Logger,
  id: string,
  { caller, from }: Pick<RequestContext, "caller" | "from">,
  input: unknown,
  output: unknown,
): void {
  const row = audited[id as EndpointId];
  if (!row || row.when?.(output as object) === false) return;
  const of = { ...pick(input, row.input), ...pick(output, row.output) };
  audit(log, row.event, { ...actorOf(caller), from }, of);
}

function actorOf(caller: Caller): Actor {
  if (caller.kind === "anyone") return {};
  if (caller.kind === "node") return { nodeId: caller.nodeId, business: caller.businessId };
  return { user: caller.userName, business: caller.businessName, sessionId: caller.sessionId };
}

function hasSecrets(output: object): boolean {
  const { secretEnv, secretFiles, workflowSecrets } = output as Partial<Record<string, object>>;
  return Object.keys({ ...secretEnv, ...secretFiles, ...workflowSecrets }).length > 0;
}

function pick(from: unknown, names: readonly string[] = []): Record<string, unknown> {
  const fields = (from ?? {}) as Record<string, unknown>;
  return Object.fromEntries(
    names.map((name) => {
      // From a whole node or artifact, only its id.
      if (name === "node") return ["nodeId", (fields.node as { nodeId?: string } | undefined)?.nodeId];
      if (name === "artifact")
        return ["artifactId", (fields.artifact as { artifactId?: string } | undefined)?.artifactId];
      return [name, fields[name]];
    }),
  );
}

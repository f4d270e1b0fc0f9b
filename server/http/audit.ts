import type { EndpointId } from "../../shared/endpoints/index.ts";
import type { Logger } from "../../shared/logger.ts";
import type { Caller, RequestContext } from "./handler.ts";

/** What is written down of an endpoint's calls: as what, and which fields of input and answer say of what. */
interface Audited {
  event: string;
  /** Names of fields that hold ids, counts and words, never a secret. */
  input?: readonly string[];
  output?: readonly string[];
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
  "credits.grant": { event: "credit granted", input: ["user", "amountMicroUsd"], output: ["entryId"] },
};

/** Who did it and from where, as far as it is known. */
export interface Actor {
  user?: string;
  business?: string;
  nodeId?: string;
  sessionId?: string;
  /** An address, or `socket` for the same machine. */
  from?: string;
}

/** One line of the server's log for what somebody may have to answer for. */
export function audit(
  log: Logger,
  event: string,
  by: Actor,
  of: Readonly<Record<string, unknown>> = {},
): void {
  const known = Object.entries({ ...by, ...of }).filter(([, value]) => value !== undefined);
  log.info(`audit: ${event}`, Object.fromEntries(known));
}

/** The same for a call that was carried out, if it is one of those. */
export function auditCall(
  log: Logger,
  id: string,
  { caller, from }: Pick<RequestContext, "caller" | "from">,
  input: unknown,
  output: unknown,
): void {
  const row = audited[id as EndpointId];
  if (!row) return;
  const of = { ...pick(input, row.input), ...pick(output, row.output) };
  audit(log, row.event, { ...actorOf(caller), from }, of);
}

function actorOf(caller: Caller): Actor {
  if (caller.kind === "anyone") return {};
  if (caller.kind === "node") return { nodeId: caller.nodeId, business: caller.businessId };
  return { user: caller.userName, business: caller.businessName, sessionId: caller.sessionId };
}

function pick(from: unknown, names: readonly string[] = []): Record<string, unknown> {
  const fields = (from ?? {}) as Record<string, unknown>;
  return Object.fromEntries(
    names.map((name) => {
      // Of a whole node only which one it is.
      if (name === "node") return ["nodeId", (fields.node as { nodeId?: string } | undefined)?.nodeId];
      return [name, fields[name]];
    }),
  );
}

import type { AuditActor, AuditEvent } from "../../shared/audit.ts";
import type { EndpointId } from "../../shared/endpoints/index.ts";
import { type Audited, auditedCalls } from "./audited-calls.ts";
import type { Caller, RequestContext } from "./handler.ts";

/** The entry of the audit log about a call that succeeded, and its business; undefined if the call changed nothing. */
export function auditEventOf(
  id: EndpointId,
  { caller, from, change }: Pick<RequestContext, "caller" | "from" | "change">,
  input: unknown,
  output: unknown,
): { businessId: string | undefined; event: AuditEvent } | undefined {
  const row: Audited | "nothing" = auditedCalls[id];
  if (row === "nothing" || row.when?.(output as object) === false) return undefined;
  const { before, after, businessId = caller.kind === "anyone" ? undefined : caller.businessId } = change;
  const of = { ...pick(input, row.input), ...pick(output, row.output), ...change.of };
  const event = {
    event: row.event,
    actor: actorOf(caller),
    ...(from !== undefined && { from }),
    ...(Object.keys(of).length > 0 && { of }),
    ...(before && { before }),
    ...(after && { after }),
  };
  return { businessId, event };
}

/** Whether the answer may be sent before the entry is on disk. */
export function isRecordedLater(id: EndpointId): boolean {
  const row: Audited | "nothing" = auditedCalls[id];
  return row !== "nothing" && row.isLater === true;
}

function actorOf(caller: Caller): AuditActor {
  switch (caller.kind) {
    case "user":
      return {
        kind: "user",
        userId: caller.userId,
        userName: caller.userName,
        sessionId: caller.sessionId,
        ...(caller.apiKey && { keyId: caller.apiKey.apiKeyId }),
      };
    case "node":
      return { kind: "node", nodeId: caller.nodeId };
    case "enrolment":
      return { kind: "enrolment", userId: caller.userId, enrolmentId: caller.enrolmentId };
    default:
      return { kind: "anyone" };
  }
}

function pick(from: unknown, names: readonly string[] = []): Record<string, unknown> {
  const fields = (from ?? {}) as Record<string, unknown>;
  return Object.fromEntries(
    names
      .map((name) =>
        Object.hasOwn(wholes, name) ? idIn(fields, name as keyof typeof wholes) : [name, fields[name]],
      )
      .filter(([, value]) => value !== undefined),
  );
}

/** From a whole object, only its id. */
const wholes = { node: "nodeId", artifact: "artifactId" } as const;

function idIn(fields: Record<string, unknown>, name: keyof typeof wholes): [string, unknown] {
  const id = wholes[name];
  return [id, (fields[name] as Record<string, unknown> | undefined)?.[id]];
}

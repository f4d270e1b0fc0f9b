import type { EndpointId } from "../../shared/endpoints/index.ts";

/** How a call of an endpoint is written into the audit log, with the fields of input and output that say what it was about. */
export interface Audited {
  event: string;
  /** Names of fields with ids, counts and words, never with a secret. */
  input?: readonly string[];
  output?: readonly string[];
  /** Whether a call with this output did something that is logged; absent: each did. */
  when?: (output: object) => boolean;
  /** The answer does not wait for the entry, because what the call made says itself who made it. */
  isLater?: true;
}

/**
 * Every endpoint, so that none is forgotten. `nothing`: it changes nothing that a person decides about, or is a part of
 * what another entry says. A handler adds what was before and after with `RequestContext.note`.
 */
export const auditedCalls: Readonly<Record<EndpointId, Audited | "nothing">> = {
  "server.identity": "nothing",
  "activity.stream": "nothing",
  "stats.overview": "nothing",
  "stats.series": "nothing",
  "audit.list": "nothing",

  "trash.list": "nothing",
  "trash.restore": { event: "brought back from the trash", output: ["trashId", "kind", "items"] },
  "trash.empty": { event: "deleted for good", output: ["trashId", "kind", "items"] },

  "auth.refresh": "nothing",
  "auth.logout": { event: "signed out" },
  "auth.whoami": "nothing",
  "auth.businesses": "nothing",
  // The handler records it as a sign-in to the other business.
  "auth.switch": "nothing",
  "auth.sessions": "nothing",
  "auth.end-session": { event: "session ended", input: ["sessionId"] },
  "auth.request-otp": "nothing",
  // The handler records it as a sign-in of the person.
  "auth.verify-otp": "nothing",
  "auth.account": "nothing",
  "auth.set-password": { event: "password changed" },
  "auth.set-email": { event: "email address changed" },

  "jobs.submit": { event: "job submitted", output: ["jobId", "name"], isLater: true },
  "jobs.submit-batch": { event: "jobs submitted", isLater: true },
  "jobs.dry-run": "nothing",
  "jobs.retrieve": "nothing",
  "jobs.wait-tickets": "nothing",
  "jobs.list": "nothing",
  "jobs.count": "nothing",
  "jobs.logs": "nothing",
  "jobs.why": "nothing",
  "jobs.cancel": { event: "job cancelled", input: ["jobId"] },
  "jobs.cancel-matching": { event: "jobs cancelled", output: ["matched", "changed"] },
  "jobs.retry": { event: "job retried", input: ["jobId"] },
  "jobs.retry-matching": { event: "jobs retried", output: ["matched", "changed"] },
  "jobs.delete": { event: "job deleted", input: ["jobIds"], when: hasDeleted },
  "jobs.delete-matching": { event: "jobs deleted", output: ["matched", "changed"] },
  "executions.list": "nothing",
  "executions.retrieve": "nothing",

  "artifacts.missing": "nothing",
  "artifacts.upload-blobs": "nothing",
  "artifacts.read-blobs": "nothing",
  "artifacts.create": {
    event: "artifact created",
    input: ["kind", "executionId"],
    output: ["artifact"],
    when: (output) => !("missing" in output),
  },
  "artifacts.list": "nothing",
  "artifacts.retrieve": "nothing",
  "artifacts.files": "nothing",
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
  "artifacts.download": "nothing",

  "nodes.register": { event: "node registered", input: ["nodeId"], output: ["node"] },
  "nodes.heartbeat": "nothing",
  "nodes.poll": "nothing",
  "nodes.result": "nothing",
  "nodes.logs": "nothing",
  "nodes.socket": "nothing",
  "nodes.workflow-events": "nothing",
  "nodes.inputs": { event: "secrets given to a job", input: ["executionId"], when: hasSecrets },
  "nodes.list": "nothing",
  "nodes.retrieve": "nothing",
  "nodes.drain": { event: "node drained or resumed", output: ["nodeId"] },
  "nodes.grant": { event: "node allowed to offer more", input: ["nodeId"] },
  "nodes.rotate-key": { event: "node key replaced", output: ["nodeId"] },
  "nodes.delete": { event: "node deleted", input: ["nodeId"] },

  "enrolments.create": {
    event: "enrolment token made",
    output: ["enrolmentId", "uses", "pool", "labels", "expiresAt"],
  },
  "enrolments.list": "nothing",
  "enrolments.revoke": { event: "enrolment token revoked", output: ["enrolmentId", "endedNodes"] },

  "credits.balance": "nothing",
  "credits.ledger": "nothing",
  "credits.prices": "nothing",
  "credits.spend": "nothing",
  "credits.grant": {
    event: "credit granted",
    input: ["user", "amountMicroUsd", "reason"],
    output: ["entryId"],
  },

  "schedules.create": { event: "schedule created", output: ["scheduleId", "name"] },
  "schedules.retrieve": "nothing",
  "schedules.list": "nothing",
  "schedules.pause": { event: "schedule paused", output: ["scheduleId", "name"] },
  "schedules.resume": { event: "schedule resumed", output: ["scheduleId", "name"] },
  "schedules.run": { event: "schedule run by hand", output: ["scheduleId", "jobId"] },
  "schedules.delete": { event: "schedule deleted", input: ["scheduleId"] },
  "schedules.fires": "nothing",
  "schedules.upcoming": "nothing",
  "schedules.preview": "nothing",

  "templates.list": "nothing",
  "templates.retrieve": "nothing",
  "templates.versions": "nothing",
  "templates.create": { event: "template created", output: ["templateId", "name", "version"] },
  "templates.edit": { event: "template changed", output: ["templateId"] },
  "templates.preview": "nothing",
  "templates.fork": { event: "template forked", output: ["templateId", "name", "version"] },
  "templates.save-job": { event: "template made from a job", output: ["templateId", "name", "version"] },
  "templates.delete": { event: "template deleted", input: ["template"] },
  "templates.run": { event: "template run", output: ["jobId"], isLater: true },

  "api-keys.create": {
    event: "API key made",
    output: ["apiKeyId", "name", "role", "readOnly", "maxJobsPerHour", "maxConcurrent", "expiresAt"],
  },
  "api-keys.list": "nothing",
  "api-keys.revoke": { event: "API key ended", input: ["apiKeyId"] },
  "members.list": "nothing",
  "members.invite": { event: "person invited", input: ["role", "email"], output: ["invitationId"] },
  "members.invitations": "nothing",
  "members.revoke-invitation": { event: "invitation revoked", input: ["invitationId"] },
  "members.change-role": { event: "role changed" },
  "members.remove": { event: "person removed" },

  "secrets.set": { event: "secret set", input: ["name"] },
  "secrets.list": "nothing",
  "secrets.delete": { event: "secrets deleted", output: ["deleted"] },
};

function hasDeleted(output: object): boolean {
  const { results = [] } = output as { results?: readonly { outcome: string }[] };
  return results.some(({ outcome }) => outcome === "deleted");
}

function hasSecrets(output: object): boolean {
  const { secretEnv, secretFiles, workflowSecrets } = output as Partial<Record<string, object>>;
  return Object.keys({ ...secretEnv, ...secretFiles, ...workflowSecrets }).length > 0;
}

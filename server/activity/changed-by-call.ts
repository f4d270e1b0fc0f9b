import type { ActivitySubject, Change } from "../../shared/activity.ts";
import type { EndpointId } from "../../shared/endpoints/index.ts";

/** What calls change, by the first word of their endpoint. */
const subjects: Readonly<Record<string, { subject: ActivitySubject; id?: string }>> = {
  nodes: { subject: "nodes", id: "nodeId" },
  enrolments: { subject: "enrolments" },
  schedules: { subject: "schedules", id: "scheduleId" },
  templates: { subject: "templates", id: "templateId" },
  artifacts: { subject: "artifacts" },
  secrets: { subject: "secrets" },
  credits: { subject: "credits" },
  members: { subject: "members" },
  "api-keys": { subject: "apiKeys" },
};

/** What comes back, by the kind of what was deleted. */
const restored = {
  jobs: "jobs",
  template: "templates",
  schedule: "schedules",
  secrets: "secrets",
  artifacts: "artifacts",
} as const;

/**
 * What a call that changed something changed, as far as nobody else announces it: the jobs that calls change are announced
 * with what follows from them, except those that are deleted.
 * @param facts what the audit log has about it: ids among other things.
 */
export function changedByCall(id: EndpointId, facts: Readonly<Record<string, unknown>>): Change[] {
  const [group = ""] = id.split(".");
  const { kind, jobIds } = facts as { kind?: keyof typeof restored; jobIds?: string[] };
  if (group === "trash") {
    const back = kind === undefined ? [] : [{ subject: restored[kind] }];
    return [{ subject: "trash" }, ...back];
  }
  if (id === "templates.run") return [];
  const trash: Change[] = id.includes("delete") ? [{ subject: "trash" }] : [];
  if (id.startsWith("jobs.delete")) return [{ subject: "jobs", ...(jobIds && { ids: jobIds }) }, ...trash];
  const row = subjects[group];
  if (!row) return [];
  const changedId = row.id === undefined ? undefined : facts[row.id];
  const ids = typeof changedId === "string" ? { ids: [changedId] } : {};
  // A machine may have used an enrolment token.
  const used: Change[] = id === "nodes.register" ? [{ subject: "enrolments" }] : [];
  return [{ subject: row.subject, ...ids }, ...trash, ...used];
}

import { createHash } from "node:crypto";
import { branchOf, type EventFacts, tagOf } from "./event-facts.ts";
import { ownerOf } from "./likely-payload.ts";
import type { JsonObject } from "./merge.ts";

/** What the `github` context has beside the event. */
export interface RunFacts {
  runId: string;
  attempt: number;
  actor: string;
  /** OWNER/NAME */
  repository: string;
  token: string;
  /** The name of the workflow, or its path. */
  workflow: string;
  workflowPath: string;
  hasSecrets: boolean;
}

/** The `github` context, without what each job and each step adds. */
export function githubContext(facts: RunFacts, event: EventFacts): JsonObject {
  const { repository, actor } = facts;
  return {
    token: facts.token,
    event_name: event.event,
    event: event.payload,
    ref: event.ref,
    ref_name: refName(event.ref),
    ref_type: tagOf(event.ref) === undefined ? "branch" : "tag",
    ref_protected: false,
    sha: event.sha,
    head_ref: event.headRef,
    base_ref: event.baseRef,
    repository,
    repository_id: "1",
    repository_owner: ownerOf(repository),
    repository_owner_id: "1",
    repositoryUrl: `git://github.com/${repository}.git`,
    repository_visibility: "public",
    run_id: runNumberOf(facts.runId),
    run_number: "1",
    run_attempt: String(facts.attempt),
    retention_days: "90",
    artifact_cache_size_limit: "10",
    workflow: facts.workflow,
    workflow_ref: `${repository}/${facts.workflowPath}@${event.ref}`,
    workflow_sha: event.sha,
    actor,
    actor_id: "1",
    triggering_actor: actor,
    server_url: "https://github.com",
    api_url: "https://api.github.com",
    graphql_url: "https://api.github.com/graphql",
    secret_source: facts.hasSecrets ? "Actions" : "None",
  };
}

/** Values of the context that GitHub also gives to steps as GITHUB_*. */
const AS_VARIABLES = [
  ...["actor", "actor_id", "api_url", "base_ref", "event_name", "graphql_url", "head_ref", "job"],
  ...["ref", "ref_name", "ref_protected", "ref_type", "repository", "repository_id", "repository_owner"],
  ...["repository_owner_id", "retention_days", "run_attempt", "run_id", "run_number", "server_url", "sha"],
  ...["triggering_actor", "workflow", "workflow_ref", "workflow_sha", "workspace", "event_path"],
];

/** The variables GITHUB_* of a job whose `github` context this is, and CI. */
export function githubVariables(github: JsonObject): Record<string, string> {
  const variables = AS_VARIABLES.map((name) => [`GITHUB_${name.toUpperCase()}`, String(github[name] ?? "")]);
  return { CI: "true", GITHUB_ACTIONS: "true", ...Object.fromEntries(variables) };
}

function refName(ref: string): string {
  return branchOf(ref) ?? tagOf(ref) ?? ref.replace(/^refs\/pull\//, "");
}

/** `github.run_id` is a number. */
function runNumberOf(runId: string): string {
  if (/^\d{1,15}$/.test(runId)) return runId;
  const digest = createHash("sha256").update(runId).digest();
  return String(10_000_000_000 + (digest.readUIntBE(0, 6) % 9_000_000_000));
}

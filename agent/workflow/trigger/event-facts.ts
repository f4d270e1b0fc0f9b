import { likelyPayload, type Origin } from "./likely-payload.ts";
import { type Json, type JsonObject, merged, textAt } from "./merge.ts";

/** An event, whole, and what the `github` context says about it. */
export interface EventFacts {
  event: string;
  payload: JsonObject;
  ref: string;
  sha: string;
  /** Only for pull requests; else "". */
  headRef: string;
  baseRef: string;
}

/** Pull requests and what is said about them run on the merge of the request. */
const ON_MERGE = new Set(["pull_request", "pull_request_review", "pull_request_review_comment"]);

export function eventFacts(origin: Origin): EventFacts {
  const { event, given } = origin;
  const branch = branchOf(origin.ref) ?? "main";
  const defaultBranch =
    textAt(given, "repository", "default_branch") ?? (branch === "master" ? "master" : "main");
  const baseRef = textAt(given, "pull_request", "base", "ref") ?? defaultBranch;
  const headRef = textAt(given, "pull_request", "head", "ref") ?? (branch === baseRef ? "feature" : branch);
  const ref = refOf(origin, baseRef);
  const sha = shaOf(origin);
  const likely = likelyPayload({ ...origin, ref, sha, headRef, baseRef, defaultBranch });
  const ofPull = event === "pull_request" || event === "pull_request_target";
  return {
    event,
    payload: merged(likely, given),
    ref,
    sha,
    headRef: ofPull ? headRef : "",
    baseRef: ofPull ? baseRef : "",
  };
}

function refOf({ event, given, ref }: Origin, baseRef: string): string {
  if (ON_MERGE.has(event)) return `refs/pull/${pullNumber(given)}/merge`;
  if (event === "pull_request_target") return `refs/heads/${baseRef}`;
  if (event === "release") {
    const tag = textAt(given, "release", "tag_name");
    return tag !== undefined ? `refs/tags/${tag}` : ref.startsWith("refs/tags/") ? ref : "refs/tags/v1.0.0";
  }
  if (event === "merge_group") {
    return textAt(given, "merge_group", "head_ref") ?? "refs/heads/gh-readonly-queue/main/pr-1";
  }
  const told = textAt(given, "ref");
  if (told === undefined) return ref;
  if (event === "create") return `refs/${textAt(given, "ref_type") === "tag" ? "tags" : "heads"}/${told}`;
  if (event === "delete") return ref;
  return told.startsWith("refs/") ? told : `refs/heads/${told}`;
}

function shaOf({ event, given, sha }: Origin): string {
  const told =
    event === "push"
      ? textAt(given, "after")
      : event === "merge_group"
        ? textAt(given, "merge_group", "head_sha")
        : ON_MERGE.has(event)
          ? textAt(given, "pull_request", "merge_commit_sha")
          : undefined;
  return told ?? sha;
}

function pullNumber(given: Json): string {
  return textAt(given, "number") ?? textAt(given, "pull_request", "number") ?? "1";
}

/** The name of the branch; undefined for a tag or a pull request. */
export function branchOf(ref: string): string | undefined {
  return ref.startsWith("refs/heads/") ? ref.slice("refs/heads/".length) : undefined;
}

/** The name of the tag; undefined for anything else. */
export function tagOf(ref: string): string | undefined {
  return ref.startsWith("refs/tags/") ? ref.slice("refs/tags/".length) : undefined;
}

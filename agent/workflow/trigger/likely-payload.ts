import { isObject, type JsonObject, textAt } from "./merge.ts";

/** What is known before the event is looked at. */
export interface Origin {
  event: string;
  /** `github.event` as it was given. */
  given: JsonObject;
  actor: string;
  /** OWNER/NAME */
  repository: string;
  /** Of the working copy: `refs/heads/main`. */
  ref: string;
  /** Of the working copy. */
  sha: string;
  workflowPath: string;
  /** The activity that the workflow waits for, if the event has activities and does not say which. */
  activity?: string | undefined;
  /** The first cron line of the workflow. */
  cron?: string | undefined;
  /** The first workflow that it waits for, for workflow_run. */
  awaited?: string | undefined;
  /** As they were given. */
  inputs?: Readonly<Record<string, string>> | undefined;
  /** Of the head commit. */
  message?: string | undefined;
}

export interface PayloadFacts extends Origin {
  headRef: string;
  baseRef: string;
  defaultBranch: string;
}

const NO_COMMIT = "0".repeat(40);
const WEB = "https://github.com";
const API = "https://api.github.com";

/** What GitHub would send with the event, as far as one can guess. */
export function likelyPayload(facts: PayloadFacts): JsonObject {
  const { action, ...body } = bodyOf(facts);
  const told = textAt(facts.given, "action");
  const activity = told ?? (action === undefined ? undefined : (facts.activity ?? action));
  return {
    ...(activity === undefined ? {} : { action: activity }),
    ...body,
    repository: repositoryOf(facts),
    sender: userOf(facts.actor),
  };
}

function bodyOf(facts: PayloadFacts): JsonObject {
  const make = bodies[facts.event];
  if (make) return make(facts);
  return facts.activity === undefined ? {} : { action: facts.activity };
}

const bodies: Partial<Record<string, (facts: PayloadFacts) => JsonObject>> = {
  push: ({ ref, sha, actor, repository, message = "" }) => ({
    ref,
    before: NO_COMMIT,
    after: sha,
    base_ref: null,
    created: false,
    deleted: false,
    forced: false,
    compare: `${WEB}/${repository}/commit/${sha}`,
    commits: [],
    head_commit: {
      id: sha,
      message,
      url: `${WEB}/${repository}/commit/${sha}`,
      author: { name: actor, email: `${actor}@users.noreply.github.com`, username: actor },
      committer: { name: actor, email: `${actor}@users.noreply.github.com`, username: actor },
      added: [],
      removed: [],
      modified: [],
    },
    pusher: { name: actor, email: `${actor}@users.noreply.github.com` },
  }),
  pull_request: (facts) => pull(facts, "opened"),
  pull_request_target: (facts) => pull(facts, "opened"),
  pull_request_review: (facts) => ({
    ...pull(facts, "submitted"),
    review: { id: 1, state: "approved", body: "", user: userOf(facts.actor), commit_id: facts.sha },
  }),
  pull_request_review_comment: (facts) => ({ ...pull(facts, "created"), comment: comment(facts) }),
  workflow_dispatch: ({ ref, workflowPath, inputs }) => ({
    inputs: inputs && Object.keys(inputs).length > 0 ? { ...inputs } : null,
    ref,
    workflow: workflowPath,
  }),
  schedule: ({ cron }) => ({ schedule: cron ?? "0 0 * * *", workflow: "" }),
  release: ({ ref, repository, actor, baseRef }) => {
    const tag = ref.replace("refs/tags/", "");
    return {
      action: "published",
      release: {
        id: 1,
        tag_name: tag,
        name: tag,
        body: "",
        draft: false,
        prerelease: false,
        target_commitish: baseRef,
        html_url: `${WEB}/${repository}/releases/tag/${tag}`,
        url: `${API}/repos/${repository}/releases/1`,
        upload_url: `https://uploads.github.com/repos/${repository}/releases/1/assets{?name,label}`,
        tarball_url: `${API}/repos/${repository}/tarball/${tag}`,
        zipball_url: `${API}/repos/${repository}/zipball/${tag}`,
        assets: [],
        author: userOf(actor),
      },
    };
  },
  issues: (facts) => ({ action: "opened", issue: issue(facts) }),
  issue_comment: (facts) => ({ action: "created", issue: issue(facts), comment: comment(facts) }),
  merge_group: ({ ref, sha, baseRef }) => ({
    action: "checks_requested",
    merge_group: { head_ref: ref, head_sha: sha, base_ref: `refs/heads/${baseRef}`, base_sha: NO_COMMIT },
  }),
  repository_dispatch: ({ baseRef }) => ({ action: "dispatch", branch: baseRef, client_payload: {} }),
  workflow_run: ({ sha, headRef, ref, awaited = "" }) => {
    const branch = ref.startsWith("refs/heads/") ? ref.slice("refs/heads/".length) : headRef;
    const run = { id: 1, name: awaited, run_number: 1, run_attempt: 1, event: "push", pull_requests: [] };
    return {
      action: "completed",
      workflow: { id: 1, name: awaited, path: "" },
      workflow_run: {
        ...run,
        status: "completed",
        conclusion: "success",
        head_branch: branch,
        head_sha: sha,
      },
    };
  },
  create: ({ ref, baseRef }) => ({ ...shortRef(ref), master_branch: baseRef, description: null }),
  delete: ({ given }) => ({ ref: textAt(given, "ref") ?? "feature", ref_type: "branch" }),
  label: () => ({ action: "created", label: { id: 1, name: "bug", color: "d73a4a", default: true } }),
  milestone: () => ({ action: "created", milestone: { id: 1, number: 1, title: "1.0", state: "open" } }),
  watch: () => ({ action: "started" }),
  fork: ({ repository }) => ({ forkee: { id: 2, full_name: repository, fork: true } }),
  discussion: (facts) => ({ action: "created", discussion: issue(facts) }),
  discussion_comment: (facts) => ({ action: "created", discussion: issue(facts), comment: comment(facts) }),
  check_run: ({ sha }) => ({
    action: "created",
    check_run: { id: 1, name: "check", head_sha: sha, status: "completed", conclusion: "success" },
  }),
  check_suite: ({ sha }) => ({
    action: "completed",
    check_suite: { id: 1, head_sha: sha, status: "completed", conclusion: "success" },
  }),
  deployment: ({ sha, ref }) => ({ action: "created", deployment: deployment(ref, sha) }),
  deployment_status: ({ sha, ref }) => ({
    action: "created",
    deployment: deployment(ref, sha),
    deployment_status: { id: 1, state: "success", environment: "production" },
  }),
  status: ({ sha }) => ({ sha, state: "success", context: "default", description: null, branches: [] }),
  registry_package: () => ({
    action: "published",
    registry_package: { id: 1, name: "package", package_type: "CONTAINER" },
  }),
  branch_protection_rule: () => ({ action: "created", rule: { id: 1, name: "main" } }),
  gollum: () => ({ pages: [] }),
  page_build: () => ({ id: 1, build: { status: "built" } }),
};

function pull({ given, headRef, baseRef, sha, actor, repository }: PayloadFacts, action: string): JsonObject {
  const number = Number(textAt(given, "number") ?? textAt(given, "pull_request", "number") ?? 1);
  const repo = { id: 1, name: nameOf(repository), full_name: repository, fork: false };
  const owner = ownerOf(repository);
  return {
    action,
    number,
    pull_request: {
      id: number,
      number,
      state: "open",
      locked: false,
      title: "Pull request",
      body: "",
      draft: false,
      merged: false,
      mergeable: true,
      merge_commit_sha: sha,
      user: userOf(actor),
      labels: [],
      assignees: [],
      requested_reviewers: [],
      author_association: "OWNER",
      commits: 1,
      changed_files: 1,
      url: `${API}/repos/${repository}/pulls/${number}`,
      html_url: `${WEB}/${repository}/pull/${number}`,
      head: { label: `${owner}:${headRef}`, ref: headRef, sha, user: userOf(owner), repo },
      base: {
        label: `${owner}:${baseRef}`,
        ref: baseRef,
        sha: NO_COMMIT,
        user: userOf(owner),
        repo: { ...repo, default_branch: baseRef },
      },
    },
  };
}

function issue({ given, actor, repository }: PayloadFacts): JsonObject {
  const number = Number(textAt(given, "issue", "number") ?? 1);
  return {
    id: number,
    number,
    state: "open",
    title: "Issue",
    body: "",
    user: userOf(actor),
    labels: [],
    assignees: [],
    author_association: "OWNER",
    url: `${API}/repos/${repository}/issues/${number}`,
    html_url: `${WEB}/${repository}/issues/${number}`,
  };
}

function comment({ actor }: PayloadFacts): JsonObject {
  return { id: 1, body: "", user: userOf(actor), author_association: "OWNER" };
}

function deployment(ref: string, sha: string): JsonObject {
  return {
    id: 1,
    ref: ref.replace(/^refs\/(heads|tags)\//, ""),
    sha,
    environment: "production",
    payload: {},
  };
}

function shortRef(ref: string): JsonObject {
  const type = ref.startsWith("refs/tags/") ? "tag" : "branch";
  return { ref: ref.replace(/^refs\/(heads|tags)\//, ""), ref_type: type };
}

function repositoryOf({ repository, defaultBranch, given }: PayloadFacts): JsonObject {
  const owner = ownerOf(repository);
  const told = isObject(given.repository) ? given.repository : {};
  const full = textAt(told, "full_name") ?? repository;
  return {
    id: 1,
    name: nameOf(full),
    full_name: full,
    private: false,
    visibility: "public",
    fork: false,
    owner: { ...userOf(owner), name: owner },
    description: null,
    default_branch: defaultBranch,
    topics: [],
    url: `${API}/repos/${full}`,
    html_url: `${WEB}/${full}`,
    clone_url: `${WEB}/${full}.git`,
    git_url: `git://github.com/${full}.git`,
    ssh_url: `git@github.com:${full}.git`,
  };
}

function userOf(login: string): JsonObject {
  return {
    login,
    id: 1,
    type: login.endsWith("[bot]") ? "Bot" : "User",
    html_url: `${WEB}/${login}`,
    site_admin: false,
  };
}

export function ownerOf(repository: string): string {
  return repository.split("/")[0] ?? repository;
}

function nameOf(repository: string): string {
  return repository.split("/")[1] ?? repository;
}

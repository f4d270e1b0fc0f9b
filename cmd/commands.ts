import type { CommandEntry } from "./command/command.ts";

/** Every command. Help, parsing, suggestions and the tests walk this table. */
export const commands: readonly CommandEntry[] = [
  {
    path: "server",
    summary: "Run the control plane, with its embedded store",
    load: () => import("./server/server.ts"),
  },
  {
    path: "server migrate",
    summary: "Move what the embedded store holds to MongoDB",
    load: () => import("./server/migrate.ts"),
  },
  {
    path: "server check",
    summary: "Prove that a store is whole: jobs, executions, ledger",
    load: () => import("./server/check.ts"),
  },
  {
    path: "server backup",
    summary: "Copy the embedded store, while the server runs",
    load: () => import("./server/backup.ts"),
  },
  {
    path: "server restore",
    summary: "Put a backup back",
    load: () => import("./server/restore.ts"),
  },
  {
    path: "server du",
    summary: "Say how much a server holds",
    load: () => import("./server/du.ts"),
  },
  {
    path: "server prune",
    summary: "Delete old jobs and logs now",
    load: () => import("./server/prune.ts"),
  },
  {
    path: "agent run",
    summary: "Run jobs on this machine",
    load: () => import("./agent/run.ts"),
  },
  {
    path: "agent status",
    summary: "Show what the agent of this machine does",
    load: () => import("./agent/status.ts"),
  },
  {
    path: "agent drain",
    summary: "Take no new jobs on this machine",
    load: () => import("./agent/drain.ts"),
  },
  {
    path: "agent resume",
    summary: "Take jobs again on this machine",
    load: () => import("./agent/resume.ts"),
  },
  {
    path: "agent stop",
    summary: "End the agent of this machine in order",
    load: () => import("./agent/stop.ts"),
  },
  {
    path: "agent detect",
    summary: "See what this machine has to give to jobs",
    load: () => import("./agent/detect.ts"),
  },
  {
    path: "agent supervise",
    summary: "Hold the jobs of an agent that comes and goes",
    hidden: true,
    load: () => import("./agent/supervise.ts"),
  },
  {
    path: "auth login",
    summary: "Sign in to a workspace",
    load: () => import("./auth/login.ts"),
  },
  { path: "auth logout", summary: "End the session", load: () => import("./auth/logout.ts") },
  { path: "auth status", summary: "Say who is signed in, and where", load: () => import("./auth/status.ts") },
  {
    path: "auth print-token",
    summary: "Print an access token for other tools",
    load: () => import("./auth/print-token.ts"),
  },
  { path: "job submit", summary: "Submit a job and print its id", load: () => import("./job/submit.ts") },
  {
    path: "job run",
    summary: "Submit a job, show its output live, exit with its code",
    load: () => import("./job/run.ts"),
  },
  {
    path: "job validate",
    summary: "Check job files without a server",
    load: () => import("./job/validate.ts"),
  },
  {
    path: "job schema",
    summary: "Print the JSON Schema of job files",
    load: () => import("./job/schema.ts"),
  },
  { path: "job get", summary: "Show one job", load: () => import("./job/get.ts") },
  {
    path: "job why",
    summary: "Say why a job waits, node by node",
    load: () => import("./job/why.ts"),
  },
  {
    path: "job delete",
    summary: "Delete jobs that are over",
    load: () => import("./job/delete.ts"),
  },
  { path: "job list", summary: "List jobs, newest first", load: () => import("./job/list.ts") },
  { path: "job logs", summary: "Print a job's output", load: () => import("./job/logs.ts") },
  {
    path: "job wait",
    summary: "Wait until jobs are over, exit with their code",
    load: () => import("./job/wait.ts"),
  },
  { path: "job cancel", summary: "Cancel jobs", load: () => import("./job/cancel.ts") },
  { path: "job retry", summary: "Queue a finished job again", load: () => import("./job/retry.ts") },
  {
    path: "job save-template",
    summary: "Save a job as a template",
    load: () => import("./job/save-template.ts"),
  },
  {
    path: "template list",
    summary: "List templates: jobs with parameters",
    load: () => import("./template/list.ts"),
  },
  { path: "template get", summary: "Show one template", load: () => import("./template/get.ts") },
  { path: "template create", summary: "Make a template", load: () => import("./template/create.ts") },
  {
    path: "template edit",
    summary: "Make a new version of a template",
    load: () => import("./template/edit.ts"),
  },
  {
    path: "template fork",
    summary: "Copy a template to one of your own",
    load: () => import("./template/fork.ts"),
  },
  { path: "template delete", summary: "Delete a template", load: () => import("./template/delete.ts") },
  {
    path: "template versions",
    summary: "List the versions of a template",
    load: () => import("./template/versions.ts"),
  },
  {
    path: "template run",
    summary: "Submit a template's job and print its id",
    load: () => import("./template/run.ts"),
  },
  {
    path: "execution list",
    summary: "List attempts of jobs, newest first",
    load: () => import("./execution/list.ts"),
  },
  {
    path: "execution get",
    summary: "Show one attempt of a job",
    load: () => import("./execution/get.ts"),
  },
  { path: "node list", summary: "List nodes", load: () => import("./node/list.ts") },
  { path: "node get", summary: "Show one node and what runs there", load: () => import("./node/get.ts") },
  {
    path: "node drain",
    summary: "Give a node no new jobs, or undo that",
    load: () => import("./node/drain.ts"),
  },
  {
    path: "node grant",
    summary: "Let a node offer a pool, labels or more slots",
    load: () => import("./node/grant.ts"),
  },
  {
    path: "node delete",
    summary: "Remove a node that is gone for good",
    load: () => import("./node/delete.ts"),
  },
  { path: "node rotate-key", summary: "Give a node a new key", load: () => import("./node/rotate-key.ts") },
  {
    path: "schedule create",
    summary: "Submit a job by a cron rule, and print the schedule's id",
    load: () => import("./schedule/create.ts"),
  },
  {
    path: "schedule list",
    summary: "List schedules, newest first",
    load: () => import("./schedule/list.ts"),
  },
  { path: "schedule get", summary: "Show one schedule", load: () => import("./schedule/get.ts") },
  {
    path: "schedule pause",
    summary: "Let a schedule fire no more for now",
    load: () => import("./schedule/pause.ts"),
  },
  {
    path: "schedule resume",
    summary: "Let a paused schedule fire again",
    load: () => import("./schedule/resume.ts"),
  },
  { path: "schedule run", summary: "Make a schedule fire now", load: () => import("./schedule/run.ts") },
  { path: "schedule delete", summary: "Delete a schedule", load: () => import("./schedule/delete.ts") },
  {
    path: "schedule fires",
    summary: "What a schedule fired and skipped, and when it fires next",
    load: () => import("./schedule/fires.ts"),
  },
  {
    path: "schedule preview",
    summary: "What a cron rule means",
    load: () => import("./schedule/preview.ts"),
  },
  {
    path: "credit balance",
    summary: "What is left for hosted nodes",
    load: () => import("./credit/balance.ts"),
  },
  { path: "credit ledger", summary: "What changed your credit", load: () => import("./credit/ledger.ts") },
  { path: "credit prices", summary: "What hosted nodes cost", load: () => import("./credit/prices.ts") },
  { path: "credit grant", summary: "Give a user credit", load: () => import("./credit/grant.ts") },
  { path: "workspace list", summary: "List workspaces", load: () => import("./workspace/list.ts") },
  { path: "workspace use", summary: "Choose the workspace", load: () => import("./workspace/use.ts") },
  { path: "api", summary: "Show the HTTP API, with examples", load: () => import("./api/api.ts") },
  {
    path: "completion",
    summary: "Print a script that completes commands in a shell",
    load: () => import("./completion/completion.ts"),
  },
  {
    path: "quickstart",
    summary: "See all of it at work in a scratch directory",
    load: () => import("./quickstart/quickstart.ts"),
  },
];

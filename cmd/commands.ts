import { accountCommands } from "./account-commands.ts";
import type { CommandEntry } from "./command/command.ts";

/** Every command. Help, parsing, suggestions and the tests walk this table. */
export const commands: readonly CommandEntry[] = [
  {
    path: "server",
    summary: "Run the control plane with its embedded store",
    load: () => import("./server/server.ts"),
  },
  {
    path: "server migrate",
    summary: "Move the embedded store's data to MongoDB",
    load: () => import("./server/migrate.ts"),
  },
  {
    path: "server check",
    summary: "Check that a store is consistent: jobs, executions, ledger, audit log",
    load: () => import("./server/check.ts"),
  },
  {
    path: "server fingerprint",
    summary: "Show the fingerprint of this machine's server",
    load: () => import("./server/fingerprint.ts"),
  },
  {
    path: "server backup",
    summary: "Copy the embedded store while the server runs",
    load: () => import("./server/backup.ts"),
  },
  {
    path: "server restore",
    summary: "Restore a backup",
    load: () => import("./server/restore.ts"),
  },
  {
    path: "server du",
    summary: "Show how much data a server holds",
    load: () => import("./server/du.ts"),
  },
  {
    path: "server prune",
    summary: "Delete old jobs and logs now",
    load: () => import("./server/prune.ts"),
  },
  {
    path: "server rotate-secret-key",
    summary: "Replace the key that encrypts the store's secrets",
    load: () => import("./server/rotate-secret-key.ts"),
  },
  {
    path: "agent run",
    summary: "Run jobs on this machine",
    load: () => import("./agent/run.ts"),
  },
  {
    path: "agent status",
    summary: "Show what this machine's agent is doing",
    load: () => import("./agent/status.ts"),
  },
  {
    path: "agent drain",
    summary: "Stop taking new jobs on this machine",
    load: () => import("./agent/drain.ts"),
  },
  {
    path: "agent resume",
    summary: "Start taking jobs again on this machine",
    load: () => import("./agent/resume.ts"),
  },
  {
    path: "agent stop",
    summary: "Stop this machine's agent gracefully",
    load: () => import("./agent/stop.ts"),
  },
  {
    path: "agent detect",
    summary: "Show what this machine offers to jobs",
    load: () => import("./agent/detect.ts"),
  },
  {
    path: "agent supervise",
    summary: "Keep an agent's jobs running while the agent restarts",
    hidden: true,
    load: () => import("./agent/supervise.ts"),
  },
  {
    path: "workflow engine",
    summary: "Run one workflow, as its plan says",
    hidden: true,
    load: () => import("./workflow/engine.ts"),
  },
  ...accountCommands,
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
    summary: "Explain why a job is waiting, node by node",
    load: () => import("./job/why.ts"),
  },
  { path: "job delete", summary: "Delete finished jobs", load: () => import("./job/delete.ts") },
  { path: "job list", summary: "List jobs, newest first", load: () => import("./job/list.ts") },
  { path: "job logs", summary: "Print a job's output", load: () => import("./job/logs.ts") },
  {
    path: "job wait",
    summary: "Wait for jobs to finish, exit with their code",
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
    path: "artifact list",
    summary: "List the files that the server keeps, or those of a job",
    load: () => import("./artifact/list.ts"),
  },
  {
    path: "artifact download",
    summary: "Fetch the outputs of a job",
    load: () => import("./artifact/download.ts"),
  },
  {
    path: "artifact upload",
    summary: "Send files for use in jobs, and print their id",
    load: () => import("./artifact/upload.ts"),
  },
  { path: "artifact get", summary: "Show one artifact", load: () => import("./artifact/get.ts") },
  { path: "artifact delete", summary: "Delete artifacts", load: () => import("./artifact/delete.ts") },
  {
    path: "template list",
    summary: "List templates: jobs with parameters",
    load: () => import("./template/list.ts"),
  },
  { path: "template get", summary: "Show one template", load: () => import("./template/get.ts") },
  { path: "template create", summary: "Create a template", load: () => import("./template/create.ts") },
  {
    path: "template edit",
    summary: "Create a new version of a template",
    load: () => import("./template/edit.ts"),
  },
  {
    path: "template fork",
    summary: "Make your own copy of a template",
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
    summary: "List job attempts, newest first",
    load: () => import("./execution/list.ts"),
  },
  { path: "execution get", summary: "Show one job attempt", load: () => import("./execution/get.ts") },
  { path: "node list", summary: "List nodes", load: () => import("./node/list.ts") },
  { path: "node get", summary: "Show one node and what runs on it", load: () => import("./node/get.ts") },
  {
    path: "node drain",
    summary: "Stop giving a node new jobs, or undo that",
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
  {
    path: "node enroll",
    summary: "Make a token with which machines register by themselves",
    load: () => import("./node/enroll.ts"),
  },
  {
    path: "node enroll list",
    summary: "List enrolment tokens",
    load: () => import("./node/enroll-list.ts"),
  },
  {
    path: "node enroll revoke",
    summary: "Let no more machines register with a token",
    load: () => import("./node/enroll-revoke.ts"),
  },
  { path: "node rotate-key", summary: "Give a node a new key", load: () => import("./node/rotate-key.ts") },
  {
    path: "schedule create",
    summary: "Schedule a job by a cron rule and print the schedule's id",
    load: () => import("./schedule/create.ts"),
  },
  {
    path: "schedule list",
    summary: "List schedules, newest first",
    load: () => import("./schedule/list.ts"),
  },
  { path: "schedule get", summary: "Show one schedule", load: () => import("./schedule/get.ts") },
  { path: "schedule pause", summary: "Pause a schedule", load: () => import("./schedule/pause.ts") },
  {
    path: "schedule resume",
    summary: "Resume a paused schedule",
    load: () => import("./schedule/resume.ts"),
  },
  { path: "schedule run", summary: "Fire a schedule now", load: () => import("./schedule/run.ts") },
  { path: "schedule delete", summary: "Delete a schedule", load: () => import("./schedule/delete.ts") },
  {
    path: "schedule fires",
    summary: "Show what a schedule fired and skipped, and when it fires next",
    load: () => import("./schedule/fires.ts"),
  },
  { path: "schedule preview", summary: "Explain a cron rule", load: () => import("./schedule/preview.ts") },
  {
    path: "secret set",
    summary: "Set a secret that jobs can use",
    load: () => import("./secret/set.ts"),
  },
  {
    path: "secret list",
    summary: "List secrets, without their values",
    load: () => import("./secret/list.ts"),
  },
  { path: "secret delete", summary: "Delete secrets", load: () => import("./secret/delete.ts") },
  {
    path: "credit balance",
    summary: "Show the credit left for hosted nodes",
    load: () => import("./credit/balance.ts"),
  },
  {
    path: "credit ledger",
    summary: "Show what changed your credit",
    load: () => import("./credit/ledger.ts"),
  },
  {
    path: "workflow run",
    summary: "Run a GitHub Actions workflow on a node, or here",
    load: () => import("./workflow/run.ts"),
  },
  { path: "api", summary: "Show the HTTP API, with examples", load: () => import("./api/api.ts") },
  {
    path: "completion",
    summary: "Print a script that completes commands in a shell",
    load: () => import("./completion/completion.ts"),
  },
  {
    path: "quickstart",
    summary: "See everything work together in a scratch directory",
    load: () => import("./quickstart/quickstart.ts"),
  },
  {
    path: "workflow lint",
    summary: "Check workflows, all mistakes at once",
    load: () => import("./workflow/lint.ts"),
  },
  {
    path: "workflow list",
    summary: "List workflows, their events, jobs and inputs",
    load: () => import("./workflow/list.ts"),
  },
  {
    path: "workflow hash-files",
    summary: "Hash files for an expression in a workflow",
    hidden: true,
    load: () => import("./workflow/hash-files.ts"),
  },
];

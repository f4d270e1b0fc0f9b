import { z } from "zod";
import { workflowRequest } from "../../shared/workflow-request.ts";
import { workflowRun } from "../../shared/workflow-run.ts";

/**
 * What the engine runs: a file of JSON, written by the process that starts it. All paths are absolute. The engine and its steps
 * write only below `directory` and `cacheDirectory`.
 */
export const runPlan = z.strictObject({
  request: workflowRequest(),
  /** The id of the run: `github.run_id` is made of it, and containers are marked with it. */
  runId: z.string().min(1),
  attempt: z.int().min(1).default(1),
  /** Who started it, for `github.actor` if the request has none. */
  actor: z.string().default("nobody"),
  /**
   * Where the run works. At its end the engine removes what it made there, unless a failed run is kept, except the artifacts
   * of the run: they stay at `artifacts/NAME.zip`.
   */
  directory: z.string(),
  /** The working copy, with `.git` if it has one. The engine never changes it. With `request.clone` the engine fills it. */
  source: z.string(),
  /** The caches and artifacts of workspaces, and actions that were fetched: stays from run to run. */
  cacheDirectory: z.string(),
  /** Actions by `owner/repo@ref`, looked at before anything is fetched. */
  actionStore: z.string().optional(),
  /** Where `owner/repo@ref` is fetched from: `https://github.com`. */
  actionsUrl: z.string().default("https://github.com"),
  /** One `WorkflowEvent` as JSON per line is appended here. */
  eventsFile: z.string(),
  /** A JSON object of secrets by name. The engine removes the file as soon as it has read it. */
  secretsFile: z.string().optional(),
  /** The labels of the node, and what a label of `runs-on` asks of them: `{ubuntu-latest: {os: linux}}`. */
  nodeLabels: z.record(z.string(), z.string()).default({}),
  runsOn: z.record(z.string(), z.record(z.string(), z.string())).default({}),
  /** DOCKER_HOST and the like, for workflows with containers. */
  containerEnvironment: z.record(z.string(), z.string()).default({}),
  /** For a rerun of the failed jobs: what the attempt before had. */
  previous: workflowRun.optional(),
  /** Opens a shell on the terminal in the first step that fails. */
  shellOnFailure: z.boolean().default(false),
});
export type RunPlan = z.infer<typeof runPlan>;
/** As the process that starts the engine writes it. */
export type RunPlanInput = z.input<typeof runPlan>;

/** How the engine ends. */
export const engineExit = { success: 0, failure: 1, invalid: 65, cancelled: 130 } as const;

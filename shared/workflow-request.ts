import { z } from "zod";
import { secretName } from "./job-files.ts";
import { json } from "./json-value.ts";
import { noNul, recordOf, scalar } from "./labels.ts";

/** The rules and words are GitHub's: https://docs.github.com/actions/reference/workflows-and-actions. */

/** Where the repository of the workflow is in the job's directory: the `to` of an input. */
export const SOURCE_DIRECTORY = "source";
/** Where actions by `owner/repo@ref` are in the job's directory: the `to` of an input. */
export const ACTIONS_DIRECTORY = "actions";

const MAX_NAMES = 500;
/** The request is part of the manifest, which lists and queues of jobs carry around. */
const MAX_REQUEST_BYTES = 1024 * 1024;
const name = () => z.string().min(1).max(200);
const texts = () =>
  recordOf(name(), scalar("the value")).refine((map) => Object.keys(map).length <= MAX_NAMES, {
    error: `at most ${MAX_NAMES} names`,
  });

const requestFields = () =>
  z.strictObject({
    /** The workflow file, from the top of the repository: `.github/workflows/ci.yml`. */
    path: noNul("path").min(1).max(4_096),
    /** The event that triggers it. */
    event: z
      .string()
      .regex(/^[a-z][a-z_]{0,63}$/, { error: "must be the name of an event, such as push" })
      .default("push"),
    /** `github.event`: what GitHub would send with the event. Absent: a likely one is made. */
    payload: z.record(z.string(), json).optional(),
    /** Only these jobs, and those they need. Absent: all. */
    jobs: z.array(name()).min(1).max(MAX_NAMES).optional(),
    /** The inputs of a workflow_dispatch or workflow_call event. */
    inputs: texts().optional(),
    /** Secrets by the name that the workflow uses, and the name under which the server keeps them. */
    secrets: recordOf(name(), secretName()).optional(),
    /** The `vars` context. */
    vars: texts().optional(),
    /** Variables for every step, below those of the workflow. */
    env: texts().optional(),
    /** Only the combinations of a matrix with one of these values. */
    matrix: z.record(name(), z.array(z.string()).min(1)).optional(),
    /** `github.actor`; absent: who submitted the job. */
    actor: name().optional(),
    /** `github.repository`: OWNER/NAME. */
    repository: z
      .string()
      .regex(/^[\w.-]+\/[\w.-]+$/, { error: "must be OWNER/NAME" })
      .optional(),
    /** `github.ref`: `refs/heads/main`. */
    ref: name().optional(),
    /** `github.sha`: the commit of the working copy. */
    sha: z
      .string()
      .regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, { error: "must be the full id of a commit" })
      .optional(),
    /** A git repository that the node clones; absent: the job's inputs are the working copy. */
    clone: z.strictObject({ url: noNul("url").min(1).max(4_096), ref: name().optional() }).optional(),
    /** The working directory stays on the node for a day if the run fails. */
    keepOnFailure: z.boolean().optional(),
  });

/** What a GITHUB_ACTION job runs: the `workflow` of its manifest. */
export const workflowRequest = () =>
  requestFields().refine((request) => JSON.stringify(request).length <= MAX_REQUEST_BYTES, {
    error: `at most ${MAX_REQUEST_BYTES} bytes`,
  });
export type WorkflowRequest = z.infer<ReturnType<typeof workflowRequest>>;

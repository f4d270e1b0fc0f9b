import { resolve } from "node:path";
import type { Labels } from "../../../shared/labels.ts";
import {
  ACTIONS_DIRECTORY,
  SOURCE_DIRECTORY,
  type WorkflowRequest,
} from "../../../shared/workflow-request.ts";
import type { GivenInput } from "../../files/input-source.ts";
import { findTree } from "../../files/send-tree.ts";
import { systemUserName } from "../../input/user-name.ts";
import type { PlannedRun } from "./planned-runs.ts";
import { requiredLabels } from "./required-labels.ts";
import type { RunSource } from "./run-source.ts";

/** What a job gets of the workflow that it runs. */
export interface WorkflowParts {
  workflow: WorkflowRequest;
  /** A name for people. */
  name: string;
  /** What the workflow asks of its node. */
  labels: Labels;
  inputs: GivenInput[];
}

/** The longest name of a job. */
const MAX_NAME = 200;

export function workflowParts(
  { request, workflow }: PlannedRun,
  source: RunSource | undefined,
  actionStore: string | undefined,
): WorkflowParts {
  return {
    // As in a run on this machine; the server knows only the id of the person.
    workflow: { ...request, actor: request.actor ?? systemUserName() },
    name: workflow?.name?.slice(0, MAX_NAME) || request.path.slice(-MAX_NAME),
    labels: workflow ? requiredLabels(workflow) : {},
    inputs: [...(source ? sourceInputs(source) : []), ...(actionStore ? [storeInput(actionStore)] : [])],
  };
}

function sourceInputs(source: RunSource): GivenInput[] {
  return [
    {
      source: { kind: "gathered", gather: async (say) => ({ found: await source.files(say) }) },
      to: SOURCE_DIRECTORY,
      label: "the repository",
    },
    {
      source: { kind: "gathered", gather: (say) => source.git(say) },
      to: `${SOURCE_DIRECTORY}/.git`,
      label: "the git of the repository",
    },
  ];
}

function storeInput(directory: string): GivenInput {
  const label = `--action-store ${directory}`;
  // Actions come with what their own rules ignore, such as built code, and with their git.
  const gather = async () => ({ found: await findTree(resolve(directory), label, { "no-ignore": true }) });
  return { source: { kind: "gathered", gather }, to: ACTIONS_DIRECTORY, label };
}

import { isMapping, isSequence, isString } from "@actions/workflow-parser";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { systemAsked } from "../../../agent/workflow/run/runs-on.ts";
import type { Workflow } from "../../../agent/workflow/syntax/model.ts";
import type { Labels } from "../../../shared/labels.ts";

/** What `runs-on` of all jobs together asks of the node that runs the workflow: an operating system, if they agree on one. */
export function requiredLabels({ jobs }: Workflow): Labels {
  const systems = new Set([...jobs.values()].flatMap(({ runsOn }) => labelsIn(runsOn)).flatMap(systemOf));
  const [os, ...others] = systems;
  return os === undefined || others.length > 0 ? {} : { os };
}

function systemOf(label: string): string[] {
  const os = systemAsked(label);
  return os === undefined ? [] : [os];
}

/** The labels that are known before the workflow runs. */
function labelsIn(token: TemplateToken | undefined): string[] {
  if (token === undefined) return [];
  if (isString(token)) return [token.value];
  if (isSequence(token)) return [...token].flatMap(labelsIn);
  if (!isMapping(token)) return [];
  return [...token].flatMap(({ key, value }) => (String(key) === "labels" ? labelsIn(value) : []));
}

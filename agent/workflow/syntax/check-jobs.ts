import { convertConcurrency } from "@actions/workflow-parser/model/converter/concurrency";
import {
  convertToJobContainer,
  convertToServiceContainer,
} from "@actions/workflow-parser/model/converter/container";
import { handleTemplateTokenErrors } from "@actions/workflow-parser/model/converter/handle-errors";
import { IdBuilder } from "@actions/workflow-parser/model/converter/id-builder";
import { convertToActionsEnvironmentRef } from "@actions/workflow-parser/model/converter/job/environment";
import { convertRunsOn } from "@actions/workflow-parser/model/converter/job/runs-on";
import type { MappingToken, TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { isMapping, isSequence } from "@actions/workflow-parser/templates/tokens/type-guards";
import { checkMatrix } from "./check-matrix.ts";
import { checkNeeds } from "./check-needs.ts";
import { fieldsOf, itemsOf, pairsOf, type TemplateFile, textOfToken } from "./template.ts";

/** Checks what the schema cannot say about the jobs. */
export function checkJobs(jobs: TemplateToken | undefined, root: MappingToken, file: TemplateFile): void {
  if (jobs !== undefined && isMapping(jobs) && jobs.count === 0)
    file.report("The workflow has no jobs", jobs.range?.start, "Add a job with runs-on and steps.");
  const concurrency = fieldsOf(root).get("concurrency");
  if (concurrency) checkConcurrency(concurrency, file);
  if (jobs === undefined || !isMapping(jobs)) return;
  const ids = new IdBuilder();
  for (const { key, value } of jobs) {
    const why = ids.tryAddKnownId(String(key));
    if (why !== undefined) file.report(why, key.range?.start, "Use letters, digits, - and _.");
    if (isMapping(value)) checkJob(String(key), value, file);
  }
  checkNeeds(jobs, file);
}

function checkJob(id: string, job: MappingToken, file: TemplateFile): void {
  const fields = fieldsOf(job);
  const steps = fields.get("steps");
  if (!fields.has("uses") && (steps === undefined || (isSequence(steps) && steps.count === 0)))
    file.report(
      `Job '${id}' has no steps and calls no workflow`,
      (steps ?? job).range?.start,
      "Add steps with run or uses, or call a workflow with uses.",
    );
  const uses = fields.get("uses");
  if (uses) checkWorkflowReference(uses, file);
  checkRunsOn(fields.get("runs-on"), file);
  const checks: [string, (token: TemplateToken) => unknown][] = [
    ["container", (token) => convertToJobContainer(file, token)],
    ["environment", (token) => convertToActionsEnvironmentRef(file, token)],
    ["concurrency", (token) => checkConcurrency(token, file)],
  ];
  for (const [name, check] of checks) {
    const token = fields.get(name);
    if (token) convert(token, file, () => check(token));
  }
  for (const [, service] of pairsOf(fields.get("services")))
    convert(service, file, () => convertToServiceContainer(file, service));
  const matrix = fieldsOf(fields.get("strategy")).get("matrix");
  if (matrix) checkMatrix(matrix, file);
  for (const step of itemsOf(steps)) checkStepUses(step, file);
  for (const step of itemsOf(steps))
    for (const nested of itemsOf(fieldsOf(step).get("parallel"))) checkStepUses(nested, file);
}

function convert(token: TemplateToken, file: TemplateFile, check: () => unknown): void {
  handleTemplateTokenErrors(token, file, undefined, check);
}

function checkConcurrency(token: TemplateToken, file: TemplateFile): void {
  convert(token, file, () => convertConcurrency(file, token));
  const fields = fieldsOf(token);
  const cancels = fields.get("cancel-in-progress");
  if (textOfToken(fields.get("queue")) === "max" && cancels && textOfToken(cancels) === "true")
    file.report(
      "queue: max cannot be combined with cancel-in-progress: true",
      cancels.range?.start,
      "Either let the runs wait for each other, or cancel those that run.",
    );
}

function checkRunsOn(token: TemplateToken | undefined, file: TemplateFile): void {
  if (token === undefined) return;
  convert(token, file, () => convertRunsOn(file, token));
  const labels = isMapping(token) ? fieldsOf(token).get("labels") : token;
  const nothing = isMapping(token) ? token.count === 0 : false;
  if (nothing || (labels !== undefined && isSequence(labels) && labels.count === 0))
    file.report("runs-on names no machine", token.range?.start, "Name a label, such as ubuntu-latest.");
}

/** `./.github/workflows/x.yml`, or `owner/repo/.github/workflows/x.yml@ref`. */
function checkWorkflowReference(token: TemplateToken, file: TemplateFile): void {
  const uses = textOfToken(token) ?? "";
  if (uses === "" || token.isExpression) return;
  if (/^[.$]\//.test(uses)) {
    if (uses.includes("@"))
      file.refuse(
        token,
        `A workflow of the same repository has no @ref: '${uses}'`,
        "Remove @ and what follows: it comes from the same commit.",
      );
    else if (!/\.ya?ml$/.test(uses)) reportReference(uses, token, file);
  } else if (!/^[^/@\s]+\/[^/@\s]+\/[^@\s]+\.ya?ml@\S+$/.test(uses)) reportReference(uses, token, file);
}

function reportReference(uses: string, token: TemplateToken, file: TemplateFile): void {
  file.refuse(
    token,
    `Invalid workflow reference '${uses}'`,
    "Write ./.github/workflows/FILE.yml or OWNER/REPO/.github/workflows/FILE.yml@REF.",
  );
}

/** Checks the form of what a step of a job, or of a composite action, uses. */
export function checkStepUses(step: TemplateToken, file: TemplateFile): void {
  const token = fieldsOf(step).get("uses");
  const uses = textOfToken(token) ?? "";
  if (token === undefined || uses === "" || token.isExpression) return;
  if (/^(docker:\/\/.+|[.$][\\/].*|\.)$/.test(uses)) return;
  if (/^[^/@\s]+\/[^@\s]+@\S+$/.test(uses)) return;
  file.refuse(
    token,
    `Invalid action reference '${uses}'`,
    "Write OWNER/REPO@REF, OWNER/REPO/PATH@REF, ./PATH or docker://IMAGE.",
  );
}

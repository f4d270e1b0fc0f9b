import { NoOperationTraceWriter } from "@actions/workflow-parser";
import { convertOn } from "@actions/workflow-parser/model/converter/events";
import { handleTemplateTokenErrors } from "@actions/workflow-parser/model/converter/handle-errors";
import type { EventsConfig } from "@actions/workflow-parser/model/workflow-template";
import {
  TemplateContext,
  TemplateValidationErrors,
} from "@actions/workflow-parser/templates/template-context";
import { MappingToken, type TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { isMapping } from "@actions/workflow-parser/templates/tokens/type-guards";
import { checkEvents } from "./check-events.ts";
import { checkJobs } from "./check-jobs.ts";
import { needsOf } from "./check-needs.ts";
import type { JobDefinition, RunDefaults, SyntaxProblem, Workflow } from "./model.ts";
import { getWorkflowSchema, WORKFLOW_ROOT } from "./schema.ts";
import { conditionOf, stepsOf } from "./steps.ts";
import {
  fieldsOf,
  mappingOf,
  pairsOf,
  placeOf,
  sortedProblems,
  TemplateFile,
  textOfToken,
} from "./template.ts";

export interface ReadWorkflow {
  /** Absent if there are problems. */
  workflow?: Workflow;
  problems: SyntaxProblem[];
}

/** Reads a workflow file with GitHub's own schema; all problems at once. */
export async function readWorkflow(path: string, text: string): Promise<ReadWorkflow> {
  const { workflow, problems } = openWorkflow(path, text);
  return problems.length > 0 || workflow === undefined ? { problems } : { workflow, problems: [] };
}

/** The same, with as much of the workflow as can be read in spite of its problems. */
export function openWorkflow(path: string, text: string): ReadWorkflow {
  const file = new TemplateFile(getWorkflowSchema(), WORKFLOW_ROOT, path, text);
  const { root } = file;
  if (root === undefined) return { problems: sortedProblems(file.problems) };
  const fields = fieldsOf(root);
  const on = fields.get("on") ?? root;
  const jobs = pairsOf(fields.get("jobs"));
  const ids = new Map(jobs.map(([id]) => [id.toLowerCase(), id]));
  const workflow: Workflow = {
    path,
    name: textOfToken(fields.get("name")),
    runName: fields.get("run-name"),
    on: eventsOf(on),
    onToken: on,
    env: fields.get("env"),
    defaults: defaultsOf(fields.get("defaults")),
    concurrency: fields.get("concurrency"),
    jobs: new Map(jobs.map(([id, job]) => [id, jobOf(id, job, ids, file)])),
  };
  checkEvents(on, file);
  checkJobs(fields.get("jobs"), root, file);
  return { workflow, problems: sortedProblems(file.problems) };
}

/** The parser's own checks of events are stricter than GitHub's: they do not count here. */
function eventsOf(on: TemplateToken): EventsConfig {
  const unheard = new TemplateContext(
    new TemplateValidationErrors(),
    getWorkflowSchema(),
    new NoOperationTraceWriter(),
  );
  if (!isMapping(on)) return handleTemplateTokenErrors(on, unheard, {}, () => convertOn(unheard, on));
  const events = [...on].map(({ key, value }) => {
    const event = new MappingToken(on.file, on.range, on.definitionInfo);
    event.add(key, value);
    return handleTemplateTokenErrors(on, unheard, { [String(key)]: {} }, () => convertOn(unheard, event));
  });
  return Object.assign({}, ...events);
}

/** `ids`: of all jobs, by the same in lower case. */
function jobOf(
  id: string,
  token: TemplateToken,
  ids: ReadonlyMap<string, string>,
  file: TemplateFile,
): JobDefinition {
  const fields = fieldsOf(token);
  const uses = textOfToken(fields.get("uses"));
  const secrets = fields.get("secrets");
  return {
    id,
    name: fields.get("name"),
    needs: [...new Set(needsOf(token).map((need) => ids.get(need.id.toLowerCase()) ?? need.id))],
    if: conditionOf(fields.get("if"), file),
    strategy: fields.get("strategy"),
    continueOnError: fields.get("continue-on-error"),
    timeoutMinutes: fields.get("timeout-minutes"),
    runsOn: fields.get("runs-on"),
    env: fields.get("env"),
    outputs: mappingOf(fields.get("outputs")),
    defaults: defaultsOf(fields.get("defaults")),
    container: fields.get("container"),
    services: fields.get("services"),
    environment: fields.get("environment"),
    concurrency: fields.get("concurrency"),
    steps: stepsOf(fields.get("steps"), file),
    call:
      uses === undefined
        ? undefined
        : {
            uses,
            place: placeOf(fields.get("uses")),
            with: mappingOf(fields.get("with")),
            secrets: secrets && (mappingOf(secrets) ?? "inherit"),
          },
  };
}

function defaultsOf(token: TemplateToken | undefined): RunDefaults {
  const run = fieldsOf(fieldsOf(token).get("run"));
  return { shell: run.get("shell"), workingDirectory: run.get("working-directory") };
}

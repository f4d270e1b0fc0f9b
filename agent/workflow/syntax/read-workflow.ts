import {
  convertWorkflowTemplate,
  isMapping,
  isString,
  NoOperationTraceWriter,
} from "@actions/workflow-parser";
import { ErrorPolicy } from "@actions/workflow-parser/model/convert";
import { ensureStatusFunction } from "@actions/workflow-parser/model/converter/if-condition";
import {
  TemplateContext,
  TemplateValidationErrors,
} from "@actions/workflow-parser/templates/template-context";
import { readTemplate } from "@actions/workflow-parser/templates/template-reader";
import type { MappingToken, TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { isBasicExpression, isSequence } from "@actions/workflow-parser/templates/tokens/type-guards";
import { WORKFLOW_ROOT } from "@actions/workflow-parser/workflows/workflow-constants";
import { getWorkflowSchema } from "@actions/workflow-parser/workflows/workflow-schema";
import type { JobDefinition, RunDefaults, StepDefinition, SyntaxProblem, Workflow } from "./model.ts";
import { YamlReader } from "./yaml-reader.ts";

export interface ReadWorkflow {
  /** Absent if there are problems. */
  workflow?: Workflow;
  problems: SyntaxProblem[];
}

/** Reads a workflow file with GitHub's own schema; all problems at once. */
export async function readWorkflow(path: string, text: string): Promise<ReadWorkflow> {
  const context = new TemplateContext(
    new TemplateValidationErrors(),
    getWorkflowSchema(),
    new NoOperationTraceWriter(),
  );
  const fileId = context.getFileId(path);
  const reader = new YamlReader(fileId, text);
  for (const { message, range } of reader.errors) context.error(fileId, message, range);
  if (reader.errors.length > 0) return { problems: problemsOf(path, context) };
  const root = readTemplate(context, WORKFLOW_ROOT, reader, fileId);
  if (!root) return { problems: problemsOf(path, context) };
  const { events } = await convertWorkflowTemplate(context, root, undefined, {
    errorPolicy: ErrorPolicy.TryConversion,
  });
  const problems = problemsOf(path, context);
  if (problems.length > 0 || !isMapping(root)) return { problems };
  const fields = fieldsOf(root);
  const workflow: Workflow = {
    path,
    name: textOfToken(fields.get("name")),
    runName: fields.get("run-name"),
    on: events,
    onToken: fields.get("on") ?? root,
    env: fields.get("env"),
    defaults: defaultsOf(fields.get("defaults")),
    concurrency: fields.get("concurrency"),
    jobs: new Map(pairsOf(fields.get("jobs")).map(([id, job]) => [id, jobOf(id, job)])),
  };
  return { workflow, problems: [] };
}

function problemsOf(file: string, context: TemplateContext): SyntaxProblem[] {
  return context.errors.getErrors().map(({ rawMessage, range }) => ({
    file,
    line: range?.start.line ?? 1,
    column: range?.start.column ?? 1,
    message: rawMessage,
  }));
}

function jobOf(id: string, token: TemplateToken): JobDefinition {
  const fields = fieldsOf(token);
  const uses = textOfToken(fields.get("uses"));
  const secrets = fields.get("secrets");
  return {
    id,
    name: fields.get("name"),
    needs: textsOfToken(fields.get("needs")),
    if: conditionOf(fields.get("if")),
    strategy: mappingOf(fields.get("strategy")),
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
    steps: stepsOf(fields.get("steps")),
    call:
      uses === undefined
        ? undefined
        : {
            uses,
            with: mappingOf(fields.get("with")),
            secrets: secrets && (mappingOf(secrets) ?? "inherit"),
          },
  };
}

/** The steps of a job or of a composite action. */
export function stepsOf(token: TemplateToken | undefined): StepDefinition[] {
  return token !== undefined && isSequence(token) ? [...token].map(stepOf) : [];
}

function stepOf(token: TemplateToken): StepDefinition {
  const fields = fieldsOf(token);
  return {
    id: textOfToken(fields.get("id")),
    name: fields.get("name"),
    if: conditionOf(fields.get("if")),
    continueOnError: fields.get("continue-on-error"),
    timeoutMinutes: fields.get("timeout-minutes"),
    env: fields.get("env"),
    run: fields.get("run"),
    shell: fields.get("shell"),
    workingDirectory: fields.get("working-directory"),
    uses: textOfToken(fields.get("uses")),
    with: mappingOf(fields.get("with")),
  };
}

function defaultsOf(token: TemplateToken | undefined): RunDefaults {
  const run = fieldsOf(fieldsOf(token).get("run"));
  return { shell: run.get("shell"), workingDirectory: run.get("working-directory") };
}

function conditionOf(token: TemplateToken | undefined): string {
  if (token === undefined) return "success()";
  const condition = isBasicExpression(token) ? token.expression : token.isScalar ? String(token).trim() : "";
  return condition === "" ? "success()" : ensureStatusFunction(condition, token.definitionInfo);
}

function fieldsOf(token: TemplateToken | undefined): Map<string, TemplateToken> {
  return new Map(pairsOf(token));
}

function pairsOf(token: TemplateToken | undefined): [string, TemplateToken][] {
  return token !== undefined && isMapping(token)
    ? [...token].map(({ key, value }) => [String(key), value])
    : [];
}

function mappingOf(token: TemplateToken | undefined): MappingToken | undefined {
  return token !== undefined && isMapping(token) ? token : undefined;
}

function textOfToken(token: TemplateToken | undefined): string | undefined {
  return token?.isScalar ? String(token) : undefined;
}

function textsOfToken(token: TemplateToken | undefined): string[] {
  if (token === undefined) return [];
  return isSequence(token) ? [...token].map(String) : isString(token) ? [token.value] : [];
}

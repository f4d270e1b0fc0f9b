import { ExpressionToken } from "@actions/workflow-parser/templates/tokens/expression-token";
import type { MappingToken, TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { isBasicExpression } from "@actions/workflow-parser/templates/tokens/type-guards";
import { checkStepUses } from "./check-jobs.ts";
import type { ActionDefinition, ActionInput, ActionRuns, SyntaxProblem } from "./model.ts";
import { ACTION_ROOT, getActionSchema } from "./schema.ts";
import { stepsOf } from "./steps.ts";
import {
  fieldsOf,
  itemsOf,
  mappingOf,
  pairsOf,
  sortedProblems,
  TemplateFile,
  textOfToken,
} from "./template.ts";

export interface ReadAction {
  /** Absent if there are problems. */
  action?: ActionDefinition;
  problems: SyntaxProblem[];
}

/** Reads an action.yml with the runner's own schema; all problems at once. */
export function readAction(path: string, text: string): ReadAction {
  const file = new TemplateFile(getActionSchema(), ACTION_ROOT, path, text);
  const runs = file.root && runsOf(file, file.root);
  if (file.root === undefined || runs === undefined || file.problems.length > 0)
    return { problems: sortedProblems(file.problems) };
  const fields = fieldsOf(file.root);
  const action: ActionDefinition = {
    name: textOfToken(fields.get("name")) ?? "",
    inputs: new Map(pairsOf(fields.get("inputs")).map(([name, input]) => [name, inputOf(input)])),
    outputs: new Map(
      pairsOf(fields.get("outputs")).map(([name, output]) => [name, fieldsOf(output).get("value")]),
    ),
    runs,
  };
  return { action, problems: [] };
}

function inputOf(token: TemplateToken): ActionInput {
  const fields = fieldsOf(token);
  return {
    required: textOfToken(fields.get("required"))?.toLowerCase() === "true",
    default: fields.get("default"),
    deprecationMessage: textOfToken(fields.get("deprecationMessage")),
  };
}

/** Reports what is missing and returns undefined, or what the action runs. */
function runsOf(file: TemplateFile, root: MappingToken): ActionRuns | undefined {
  const token = fieldsOf(root).get("runs");
  if (token === undefined) {
    file.report(
      "Required property is missing: runs",
      root.range?.start,
      "Say what the action runs: runs with the key using, and main, image or steps.",
    );
    return undefined;
  }
  const fields = fieldsOf(token);
  const using = textOfToken(fields.get("using"))?.toLowerCase();
  const need = needed(using);
  if (need === undefined) {
    if (using !== undefined)
      file.report(
        `'using: ${using}' is not supported`,
        fields.get("using")?.range?.start,
        "Use composite, docker, node20 or node24.",
      );
    return undefined;
  }
  if (fields.get(need) === undefined) return undefined;
  return made(file, using ?? "", fields);
}

function needed(using: string | undefined): string | undefined {
  if (using === "composite") return "steps";
  if (using === "docker") return "image";
  return using !== undefined && /^node\d+$/.test(using) ? "main" : undefined;
}

function made(file: TemplateFile, using: string, fields: Map<string, TemplateToken>): ActionRuns {
  const text = (name: string) => textOfToken(fields.get(name));
  const conditions = {
    preIf: conditionAsIs(file, fields.get("pre-if")),
    postIf: conditionAsIs(file, fields.get("post-if")),
  };
  if (using === "composite") {
    for (const step of itemsOf(fields.get("steps"))) checkStepUses(step, file);
    return { using, steps: stepsOf(fields.get("steps"), file) };
  }
  if (using !== "docker") {
    const version = Number(using.slice("node".length));
    return {
      using: `node${version}`,
      main: text("main") ?? "",
      pre: text("pre"),
      post: text("post"),
      ...conditions,
    };
  }
  const args = fields.get("args");
  return {
    using,
    image: text("image") ?? "",
    entrypoint: text("entrypoint"),
    preEntrypoint: text("pre-entrypoint"),
    postEntrypoint: text("post-entrypoint"),
    args: args && itemsOf(args),
    env: mappingOf(fields.get("env")),
    ...conditions,
  };
}

/** The runner evaluates pre-if and post-if as they stand. */
function conditionAsIs(file: TemplateFile, token: TemplateToken | undefined): string {
  if (token !== undefined && isBasicExpression(token)) return token.expression;
  const condition = textOfToken(token)?.trim() ?? "";
  if (token === undefined || condition === "") return "always()";
  try {
    ExpressionToken.validateExpression(condition, token.definitionInfo?.allowedContext ?? []);
  } catch (error) {
    file.error(token, error);
  }
  return condition;
}

import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { isScalar } from "@actions/workflow-parser/templates/tokens/type-guards";
import { textOf } from "../../../shared/text-of.ts";
import { evaluateText } from "../expressions/evaluate.ts";
import type { Scope } from "../expressions/scope.ts";
import type { JobPlan, JobReport } from "../job.ts";
import { fieldsOf } from "../syntax/template.ts";

/** The name of the environment that a job deploys to; undefined: none. */
export function environmentName(token: TemplateToken | undefined, scope: Scope): string | undefined {
  if (token === undefined) return undefined;
  const name = evaluateText(isScalar(token) ? token : fieldsOf(token).get("name"), scope);
  return name === "" ? undefined : name;
}

/** Says where the deployment can be seen, which is evaluated after the steps of the job. */
export function reportEnvironment({ key, definition }: JobPlan, scope: Scope, report: JobReport): void {
  const { environment: token } = definition;
  if (token === undefined || isScalar(token)) return;
  try {
    const name = environmentName(token, scope);
    const url = evaluateText(fieldsOf(token).get("url"), scope);
    if (name === undefined || url === "") return;
    report.event({ type: "job", job: { key, environment: { name, url } } });
  } catch (error) {
    report.annotate({ level: "warning", message: `The url of the environment: ${textOf(error)}` });
  }
}

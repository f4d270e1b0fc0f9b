import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { isScalar } from "@actions/workflow-parser/templates/tokens/type-guards";
import { evaluateText } from "../expressions/evaluate.ts";
import type { Scope } from "../expressions/scope.ts";
import { fieldsOf } from "../syntax/template.ts";

/** The name of the environment that a job deploys to; undefined: none. */
export function environmentName(token: TemplateToken | undefined, scope: Scope): string | undefined {
  if (token === undefined) return undefined;
  const name = evaluateText(isScalar(token) ? token : fieldsOf(token).get("name"), scope);
  return name === "" ? undefined : name;
}

/** Where the deployment can be seen: evaluated after the steps of the job. undefined: the workflow does not say. */
export function environmentUrl(token: TemplateToken | undefined, scope: Scope): string | undefined {
  if (token === undefined || isScalar(token)) return undefined;
  const url = evaluateText(fieldsOf(token).get("url"), scope);
  return url === "" ? undefined : url;
}

import { isValidCron } from "@actions/workflow-parser/model/converter/cron";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { type InputDefinition, inputDefinitions } from "./inputs.ts";
import { fieldsOf, itemsOf, pairsOf, type TemplateFile, textOfToken } from "./template.ts";

const MAX_DISPATCH_INPUTS = 25;

/** Checks what the schema cannot say about `on`. */
export function checkEvents(on: TemplateToken, file: TemplateFile): void {
  if (file.problems.length === 0 && !on.isScalar && itemsOf(on).length + pairsOf(on).length === 0)
    file.report("The workflow has no events", on.range?.start, "Name at least one event, such as push.");
  for (const [, event] of pairsOf(on)) checkFilters(fieldsOf(event), event, file);
  for (const entry of itemsOf(fieldsOf(on).get("schedule"))) checkSchedule(fieldsOf(entry), file);
  const dispatched = inputDefinitions(on, "workflow_dispatch");
  const beyond = dispatched[MAX_DISPATCH_INPUTS];
  if (beyond)
    file.report(
      `workflow_dispatch has ${dispatched.length} inputs; GitHub takes at most ${MAX_DISPATCH_INPUTS}`,
      beyond.token.range?.start,
      "Put several values into one input, as JSON, and read it with fromJSON.",
    );
  for (const input of dispatched) checkInput(input, file);
  for (const input of inputDefinitions(on, "workflow_call"))
    if (input.type !== "choice") checkInput(input, file);
}

function checkFilters(fields: Map<string, TemplateToken>, event: TemplateToken, file: TemplateFile): void {
  for (const kind of ["branches", "tags", "paths"]) {
    const ignored = fields.get(`${kind}-ignore`);
    if (!fields.has(kind) || ignored === undefined) continue;
    file.report(
      `An event has either ${kind} or ${kind}-ignore, not both`,
      ignored.range?.start ?? event.range?.start,
      `Put what is ignored into ${kind}, after the others, with ! before it.`,
    );
  }
}

function checkSchedule(fields: Map<string, TemplateToken>, file: TemplateFile): void {
  const cron = fields.get("cron");
  const text = textOfToken(cron)?.trim();
  if (cron !== undefined && text !== undefined && text !== "" && !isValidCron(text))
    file.report(
      `Invalid cron expression '${text}'`,
      cron.range?.start,
      "Write five fields: minute hour day-of-month month day-of-week, such as '30 5 * * 1-5'.",
    );
  const zone = fields.get("timezone");
  const name = textOfToken(zone);
  if (zone !== undefined && name !== undefined && name !== "" && !isTimeZone(name))
    file.report(`Unknown time zone '${name}'`, zone.range?.start, "Use a name such as Europe/Berlin.");
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

function checkInput(input: InputDefinition, file: TemplateFile): void {
  const { type, options, token } = input;
  const hasOptions = fieldsOf(token).has("options");
  if (type === "choice" && options.length === 0)
    file.report(`The choice '${input.name}' has no options`, token.range?.start, "Add options: a list.");
  if (type !== "choice" && hasOptions)
    file.report(
      `The input '${input.name}' has options, but is no choice`,
      fieldsOf(token).get("options")?.range?.start,
      "Add type: choice, or remove the options.",
    );
  const wrong = input.default && wrongValue(input, input.default);
  if (wrong !== undefined)
    file.report(
      `The default of '${input.name}' must be ${wrong}`,
      input.default?.range?.start,
      `Change it, or the type ${input.type}.`,
    );
}

/** What the value must be, if it is not; nothing is known about an expression. */
export function wrongValue(
  { type, options }: Pick<InputDefinition, "type" | "options">,
  value: TemplateToken,
): string | undefined {
  const text = textOfToken(value);
  if (value.isExpression || text === undefined) return undefined;
  if (type === "boolean" && !/^(true|false|)$/i.test(text)) return "true or false";
  if (type === "number" && !Number.isFinite(Number(text))) return "a number";
  if (type === "choice" && text !== "" && options.length > 0 && !options.includes(text))
    return `one of its options: ${options.join(", ")}`;
  return undefined;
}

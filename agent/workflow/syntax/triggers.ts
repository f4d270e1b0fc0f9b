import type { Value } from "../expressions/scope.ts";
import { matchesGlobs } from "./glob.ts";
import type { Workflow } from "./model.ts";

/** An event as GitHub would send it. */
export interface TriggerEvent {
  name: string;
  /** `github.event`. What it lacks is not filtered by. */
  payload: { readonly [key: string]: Value };
  /** `github.ref`, if the payload has none. */
  ref?: string | undefined;
  /** The changed files, if the payload does not list them. */
  paths?: readonly string[] | undefined;
}

export type Trigger = { runs: true } | { runs: false; why: string };

const RUNS: Trigger = { runs: true };

/** Activities that trigger a workflow that names none; for all other events every activity does. */
const DEFAULT_TYPES: Readonly<Record<string, readonly string[]>> = {
  pull_request: ["opened", "synchronize", "reopened"],
  pull_request_target: ["opened", "synchronize", "reopened"],
};

/** Whether GitHub would run the workflow for the event. */
export function triggeredBy(workflow: Pick<Workflow, "on">, event: TriggerEvent): Trigger {
  const names = Object.keys(workflow.on);
  if (!Object.hasOwn(workflow.on, event.name))
    return stays(`it runs on ${names.join(", ")}, not on ${event.name}`);
  const filters = filtersOf(workflow.on[event.name]);
  if (event.name === "schedule") return scheduled(workflow, event);
  return (
    failed(byType(event, filters)) ??
    failed(byWorkflow(event, filters)) ??
    failed(event.name === "push" ? byPushedRef(event, filters) : byBranch(event, filters)) ??
    byPaths(event, filters)
  );
}

function failed(trigger: Trigger): Trigger | undefined {
  return trigger.runs ? undefined : trigger;
}

function stays(why: string): Trigger {
  return { runs: false, why };
}

type Filters = ReadonlyMap<string, readonly string[]>;

function filtersOf(config: unknown): Filters {
  if (typeof config !== "object" || config === null || Array.isArray(config)) return new Map();
  return new Map(
    Object.entries(config).filter((entry): entry is [string, string[]] => Array.isArray(entry[1])),
  );
}

function byType({ name, payload }: TriggerEvent, filters: Filters): Trigger {
  const types = filters.get("types") ?? DEFAULT_TYPES[name];
  const action = textAt(payload, "action");
  if (types === undefined || action === undefined || types.includes(action)) return RUNS;
  return stays(`it runs on ${name} for ${types.join(", ")}, not for ${action}`);
}

function byWorkflow({ payload }: TriggerEvent, filters: Filters): Trigger {
  const workflows = filters.get("workflows");
  const name = textAt(payload, "workflow_run", "name") ?? textAt(payload, "workflow", "name");
  if (!workflows || name === undefined || matchesGlobs(workflows, name)) return RUNS;
  return stays(`it runs after ${workflows.join(", ")}, not after ${name}`);
}

/** A workflow that only filters branches does not run for tags, and the other way round. */
function byPushedRef(event: TriggerEvent, filters: Filters): Trigger {
  const ref = textAt(event.payload, "ref") ?? event.ref;
  if (ref === undefined) return RUNS;
  const isTag = ref.startsWith("refs/tags/");
  const name = ref.replace(/^refs\/(heads|tags)\//, "");
  const [own, other] = isTag ? (["tags", "branches"] as const) : (["branches", "tags"] as const);
  const has = (kind: string) => filters.has(kind) || filters.has(`${kind}-ignore`);
  if (!has(own) && has(other)) return stays(`it runs for pushed ${other} only, not for ${name}`);
  return byNames(filters, own, name);
}

function byBranch(event: TriggerEvent, filters: Filters): Trigger {
  const { payload } = event;
  const branch =
    textAt(payload, "pull_request", "base", "ref") ??
    textAt(payload, "workflow_run", "head_branch") ??
    textAt(payload, "merge_group", "base_ref");
  return branch === undefined ? RUNS : byNames(filters, "branches", branch.replace(/^refs\/heads\//, ""));
}

function byNames(filters: Filters, kind: "branches" | "tags", name: string): Trigger {
  const wanted = filters.get(kind);
  if (wanted && !matchesGlobs(wanted, name))
    return stays(`${name} is not among its ${kind}: ${wanted.join(", ")}`);
  const ignored = filters.get(`${kind}-ignore`);
  if (ignored && matchesGlobs(ignored, name)) return stays(`it ignores ${kind} such as ${name}`);
  return RUNS;
}

/** Paths do not count when a tag is pushed, nor if nobody knows what changed. */
function byPaths(event: TriggerEvent, filters: Filters): Trigger {
  const wanted = filters.get("paths");
  const ignored = filters.get("paths-ignore");
  const ref = textAt(event.payload, "ref") ?? event.ref;
  if (event.name === "push" && ref?.startsWith("refs/tags/")) return RUNS;
  const changed = event.paths ?? changedPaths(event.payload);
  if ((!wanted && !ignored) || changed === undefined || changed.length === 0) return RUNS;
  if (wanted && !changed.some((path) => matchesGlobs(wanted, path)))
    return stays(`none of the changed files is among its paths: ${wanted.join(", ")}`);
  if (ignored && changed.every((path) => matchesGlobs(ignored, path)))
    return stays(`it ignores all the changed files: ${ignored.join(", ")}`);
  return RUNS;
}

function changedPaths(payload: TriggerEvent["payload"]): string[] | undefined {
  const { commits } = payload;
  const all = Array.isArray(commits) && commits.length > 0 ? commits : [payload.head_commit ?? null];
  const lists = all.flatMap((commit) =>
    ["added", "modified", "removed"].flatMap((kind) => valueAt(commit, kind) ?? []),
  );
  const paths = lists.filter((path): path is string => typeof path === "string");
  return paths.length > 0 ? [...new Set(paths)] : undefined;
}

function scheduled({ on }: Pick<Workflow, "on">, { payload }: TriggerEvent): Trigger {
  const cron = textAt(payload, "schedule");
  const crons = on.schedule?.map((one) => one.cron) ?? [];
  if (cron === undefined || crons.includes(cron)) return RUNS;
  return stays(`it is scheduled for '${crons.join("', '")}', not for '${cron}'`);
}

function textAt(value: Value | { readonly [key: string]: Value }, ...keys: string[]): string | undefined {
  const found = keys.reduce<Value | undefined>((at, key) => valueAt(at, key), value as Value);
  return typeof found === "string" ? found : undefined;
}

function valueAt(value: Value | undefined, key: string): Value | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

import type { FunctionDefinition } from "@actions/expressions/funcs/info";
import type { Conclusion } from "../../../shared/workflow-run.ts";
import { ContextMap } from "./context-map.ts";

/** Ids that the engine makes begin so; they are in no `steps` context. */
const MADE = "__";

/** Steps that know each other by their ids: those of a job, or those of one composite action. */
export class Level {
  /** The `steps` context. */
  readonly steps = new ContextMap();
  private readonly uses = new Map<string, number>();

  /**
   * @param functions those of its expressions.
   * @param status of the job, or of the composite action so far.
   */
  constructor(
    readonly functions: ReadonlyMap<string, FunctionDefinition>,
    readonly status: () => Conclusion,
  ) {}

  /** The id of a step that has none: `__run`, `__run_2`, `__actions_checkout`. */
  makeId(uses: string | undefined): string {
    const name = MADE + nameOfUses(uses);
    const count = (this.uses.get(name) ?? 0) + 1;
    this.uses.set(name, count);
    return count === 1 ? name : `${name}_${count}`;
  }

  setOutput(id: string, name: string, value: string): void {
    const outputs = this.entry(id)?.get("outputs");
    if (outputs instanceof ContextMap) outputs.set(name, value);
  }

  setEnd(id: string, outcome: Conclusion, conclusion: Conclusion): void {
    const entry = this.entry(id);
    entry?.set("outcome", outcome);
    entry?.set("conclusion", conclusion);
  }

  private entry(id: string): ContextMap | undefined {
    if (id.startsWith(MADE)) return undefined;
    const known = this.steps.get(id);
    if (known instanceof ContextMap) return known;
    const entry = new ContextMap();
    entry.set("outputs", new ContextMap());
    this.steps.set(id, entry);
    return entry;
  }
}

function nameOfUses(uses: string | undefined): string {
  if (uses === undefined) return "run";
  if (uses.startsWith("./")) return "self";
  const [name = ""] = uses.replace(/^docker:\/\//, "").split("@");
  return name.replace(/[^A-Za-z0-9-]+/g, "_");
}

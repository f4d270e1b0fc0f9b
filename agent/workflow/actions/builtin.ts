import type { Actions, BuiltinAction } from "../job.ts";
import { checkoutAction } from "./checkout.ts";
import { RemoteWorkflows } from "./remote-workflows.ts";
import { type FinderPlan, RepositoryFinder } from "./repository-finder.ts";
import { type Builtins, WorkflowActions } from "./workflow-actions.ts";

/** What one run needs of the repositories of others. */
export interface RunActions {
  actions: Actions;
  workflows: RemoteWorkflows;
}

/**
 * The actions and reusable workflows of one run. All jobs of the run share them.
 *
 * @param others built-in actions besides actions/checkout, by owner/repo[/path] in lower case: `actions/cache/restore`.
 */
export function makeRunActions(plan: FinderPlan, others: Builtins = new Map()): RunActions {
  const finder = new RepositoryFinder(plan);
  const builtins = new Map<string, BuiltinAction>([["actions/checkout", checkoutAction(finder)], ...others]);
  return { actions: new WorkflowActions(finder, builtins), workflows: new RemoteWorkflows(finder) };
}

import type { data } from "@actions/expressions";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { isScalar } from "@actions/workflow-parser/templates/tokens/type-guards";
import { evaluateText, evaluateToken } from "../expressions/evaluate.ts";
import { fieldsOf } from "../syntax/template.ts";
import { ConcurrencyGroup, type GroupWish } from "./concurrency-group.ts";
import { scopeOf } from "./frame-scope.ts";
import type { RunState } from "./run-state.ts";

/** What a `concurrency` asks for; undefined: nothing. */
export function groupWish(
  token: TemplateToken | undefined,
  contexts: Readonly<Record<string, data.ExpressionData>>,
): GroupWish | undefined {
  if (token === undefined) return undefined;
  const scope = scopeOf(contexts);
  const value = isScalar(token) ? undefined : evaluateToken(token, scope);
  const fields = fieldsOf(token);
  const isMapping = typeof value === "object" && value !== null && !Array.isArray(value);
  const group = isMapping ? evaluateText(fields.get("group"), scope) : evaluateText(token, scope);
  if (group === "") return undefined;
  const cancel = isMapping ? value["cancel-in-progress"] : false;
  const queuesAll = isMapping && value.queue === "max";
  return { group, cancelInProgress: cancel === true || cancel === "true", queuesAll };
}

export interface InGroup {
  /** Fires when the member must end: the caller's own signal, or a later member of the group. */
  cancel: AbortSignal;
  /** The groups that it is in, with this one. */
  groups: readonly string[];
  /** Whether a later member of the group cancelled it. */
  wasReplaced(): boolean;
}

/** Why a member of a group did not run, or not to its end. */
export class GroupCancelled extends Error {
  override name = "GroupCancelled";
}

/**
 * Runs `work` as a member of a group of `concurrency`, once it is its turn. Throws GroupCancelled if it does not come to
 * that. Without a wish, it runs at once.
 */
export async function inGroup<T>(
  run: RunState,
  wish: GroupWish | undefined,
  at: { what: string; groups: readonly string[]; cancel: AbortSignal },
  work: (within: InGroup) => Promise<T>,
): Promise<T> {
  if (!wish) return work({ cancel: at.cancel, groups: at.groups, wasReplaced: () => false });
  const name = wish.group.toLowerCase();
  if (at.groups.includes(name)) {
    throw new GroupCancelled(
      `Canceling since a deadlock for concurrency group '${wish.group}' was detected between a workflow and '${at.what}', which it contains. Give them different groups.`,
    );
  }
  const group = new ConcurrencyGroup(run.plan.cacheDirectory, String(run.github.repository), wish);
  const member = await group.enter(at.cancel);
  if (!member) throw new GroupCancelled(replaced(wish.group));
  try {
    return await work({
      cancel: AbortSignal.any([at.cancel, member.cancelled]),
      groups: [...at.groups, name],
      wasReplaced: () => member.cancelled.aborted,
    });
  } finally {
    member.leave();
  }
}

/** GitHub's words. */
export function replaced(group: string): string {
  return `Canceling since a higher priority waiting request for '${group}' exists`;
}

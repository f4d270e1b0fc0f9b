import { data } from "@actions/expressions";
import type { FunctionDefinition } from "@actions/expressions/funcs/info";

/** What the status functions of a job's `if` look at. */
export interface Upstream {
  /** The run, or the call that the job belongs to, is being cancelled. */
  cancelled: boolean;
  /** A job that it needs, directly or not, failed. */
  failed: boolean;
  /** All of them succeeded. */
  succeeded: boolean;
}

/** always(), cancelled(), success() and failure() as the `if` of a job sees them. */
export function statusFunctions(upstream: Upstream): ReadonlyMap<string, FunctionDefinition> {
  const make = (name: string, value: boolean): [string, FunctionDefinition] => [
    name,
    { name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(value) },
  ];
  return new Map([
    make("always", true),
    make("cancelled", upstream.cancelled),
    make("success", !upstream.cancelled && upstream.succeeded),
    make("failure", !upstream.cancelled && upstream.failed),
  ]);
}

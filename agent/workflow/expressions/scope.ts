import type { data } from "@actions/expressions";
import type { FunctionDefinition } from "@actions/expressions/funcs/info";

/** What an expression can see where it stands. */
export interface Scope {
  /** By name: github, env, steps, … A name that is absent is null in expressions. */
  contexts: data.Dictionary;
  /** hashFiles and the status functions, by name in lower case. The parser's own functions are always there. */
  functions: ReadonlyMap<string, FunctionDefinition>;
}

/** A value as JSON has it. */
export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };

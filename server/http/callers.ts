import { ComputeError } from "../../shared/errors.ts";
import type { Caller, NodeIdentity, RequestContext, User } from "./handler.ts";

/** The calling user. Use it only where the endpoint table allows only users. */
export function userOf({ caller }: RequestContext): User {
  if (caller.kind === "user") return caller;
  throw wrongCaller("user", caller);
}

export function nodeOf({ caller }: RequestContext): NodeIdentity {
  if (caller.kind === "node") return caller;
  throw wrongCaller("node", caller);
}

/** The business that a user or a node belongs to. */
export function businessOf({ caller }: RequestContext): string {
  if (caller.kind !== "anyone") return caller.businessId;
  throw wrongCaller("user or node", caller);
}

function wrongCaller(wanted: string, caller: Caller): ComputeError {
  return new ComputeError("forbidden", `This call needs a ${wanted}; the request came from ${caller.kind}.`);
}

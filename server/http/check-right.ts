import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { ComputeError } from "../../shared/errors.ts";
import { may, type Right, rolesOf } from "../../shared/roles.ts";
import type { Caller } from "./handler.ts";

/** Throws `forbidden` if a person's role does not allow what the endpoint does. */
export function checkRight(caller: Caller, { right }: Pick<Endpoint, "right">): void {
  if (caller.kind === "user" && right !== undefined) requireRight(caller, right);
}

/** Throws `forbidden` unless the role has the right. */
export function requireRight(
  { role, businessName }: Pick<Extract<Caller, { kind: "user" }>, "role" | "businessName">,
  right: Right,
): void {
  if (may(role, right)) return;
  throw new ComputeError(
    "forbidden",
    `Your role in ${businessName} is ${role}. This needs the role ${rolesOf(right).join(" or ")}.`,
  );
}

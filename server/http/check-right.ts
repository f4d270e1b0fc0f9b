import type { Role } from "../../shared/auth.ts";
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
  // Who can do it themselves can be asked to; if members can, an admin can make somebody a member.
  const asked = may("member", right) ? "members.change" : right;
  throw new ComputeError(
    "forbidden",
    `Your role in ${businessName} is ${role}; this takes ${inWords(rolesOf(right))}. Ask ${inWords(rolesOf(asked))} of ${businessName}.`,
  );
}

/** As people say it: `an owner, an admin or a member`. */
export function inWords(roles: readonly Role[]): string {
  const names = roles.map((role) => (/^[aeiou]/.test(role) ? `an ${role}` : `a ${role}`));
  return [names.slice(0, -1).join(", "), names.at(-1) ?? ""].filter((part) => part !== "").join(" or ");
}

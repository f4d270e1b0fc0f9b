import type { Role } from "../../shared/auth.ts";
import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { ComputeError } from "../../shared/errors.ts";
import { keyMay, may, type Right, rolesOf } from "../../shared/roles.ts";
import type { Caller, User } from "./handler.ts";

/** Throws `forbidden` if a person's role, or their API key, does not allow what the endpoint does. */
export function checkRight(caller: Caller, { right }: Pick<Endpoint, "right">): void {
  if (caller.kind !== "user" || right === undefined) return;
  const { apiKey } = caller;
  if (apiKey && !keyMay(right, { readOnly: false })) {
    const todo =
      right === "nodes.register"
        ? "a machine without a person registers with an enrolment token"
        : "a person must sign in for it";
    throw new ComputeError("forbidden", `An API key cannot do this; ${todo}.`);
  }
  if (apiKey && !keyMay(right, apiKey)) {
    throw new ComputeError(
      "forbidden",
      `The API key ${apiKey.name} (${apiKey.apiKeyId}) is read-only, and this takes a key that is not.`,
    );
  }
  requireRight(caller, right);
}

/** Throws `forbidden` unless the role has the right. */
export function requireRight(
  { role, businessName, apiKey }: Pick<User, "role" | "businessName" | "apiKey">,
  right: Right,
): void {
  if (may(role, right)) return;
  // Who can do it themselves can be asked to; if members can, an admin can make somebody a member.
  const asked = may("member", right) ? "members.change" : right;
  throw new ComputeError(
    "forbidden",
    `${apiKey ? "The role of this API key" : "Your role"} in ${businessName} is ${role}; this takes ${inWords(rolesOf(right))}. Ask ${inWords(rolesOf(asked))} of ${businessName}.`,
  );
}

/** As people say it: `an owner, an admin or a member`. */
export function inWords(roles: readonly Role[]): string {
  const names = roles.map((role) => (/^[aeiou]/.test(role) ? `an ${role}` : `a ${role}`));
  return [names.slice(0, -1).join(", "), names.at(-1) ?? ""].filter((part) => part !== "").join(" or ");
}

import type { Role } from "../../shared/auth.ts";

/** `use`: see the names, and give the secrets to jobs. `change`: set and delete. */
type SecretRight = "use" | "change";

const rightsOf: Readonly<Record<Role, readonly SecretRight[]>> = {
  owner: ["use", "change"],
  admin: ["use", "change"],
  member: ["use"],
};

/** Whether a person may do this with the secrets of a business. `undefined` is somebody who is not, or no longer, a member. */
export function mayWithSecrets(role: Role | undefined, right: SecretRight): boolean {
  return role !== undefined && (rightsOf[role] ?? []).includes(right);
}

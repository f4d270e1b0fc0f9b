import type { Role } from "./auth.ts";

const everybody = ["owner", "admin", "member", "viewer"] as const;
const workers = ["owner", "admin", "member"] as const;
const admins = ["owner", "admin"] as const;
const owners = ["owner"] as const;

/**
 * What each role may do in its business: the only place that says so. Endpoints name the right that a call needs
 * (`Endpoint.right`), and handlers ask for `…-others` before they change what belongs to another person.
 */
const table = {
  /** Who am I. */
  "account.read": everybody,
  /** One's own sign-in: sign out, change business. */
  account: everybody,
  "jobs.read": everybody,
  /** Submit jobs, and cancel, retry and delete one's own. */
  "jobs.run": workers,
  "jobs.change-others": admins,
  "artifacts.read": everybody,
  "artifacts.write": workers,
  "artifacts.change-others": admins,
  "templates.read": everybody,
  "templates.write": workers,
  "templates.change-others": admins,
  "schedules.read": everybody,
  "schedules.write": workers,
  "schedules.change-others": admins,
  /** See the names of secrets, and give secrets to jobs. */
  "secrets.use": workers,
  "secrets.change": admins,
  "nodes.read": everybody,
  /** Register nodes, and replace the keys of one's own. */
  "nodes.register": workers,
  /** Drain, grant and delete one's own. */
  "nodes.change": workers,
  "nodes.change-others": admins,
  /** Make tokens with which machines without a person register. */
  "nodes.enroll": admins,
  "credits.read": everybody,
  "credits.grant": owners,
  "api-keys.own": everybody,
  "api-keys.change-others": admins,
  "members.read": everybody,
  /** Invite and remove people, and change their roles, except those of owners. */
  "members.change": admins,
  "members.change-owners": owners,
  "audit.read": admins,
  /** See what was deleted in the last 30 days. */
  "trash.read": workers,
  /** Bring back, or delete for good, what one has deleted oneself. */
  "trash.change": workers,
  "trash.change-others": admins,
} as const satisfies Readonly<Record<string, readonly Role[]>>;

export type Right = keyof typeof table;

/** The rights to change what belongs to other people. */
export type OthersRight = Extract<Right, `${string}.change-others`>;

/**
 * What no API key may do, whatever its role: make, see and end keys, sessions and other credentials, and change who belongs
 * to the business. A stolen key can do nothing that outlives it.
 */
const notForKeys: readonly Right[] = [
  "account",
  "api-keys.own",
  "api-keys.change-others",
  "members.change",
  "members.change-owners",
  "nodes.register",
  "nodes.enroll",
];

/** Whether an API key may have this right at all. A read-only key has only those to look at things. */
export function keyMay(right: Right, { readOnly }: { readOnly: boolean }): boolean {
  return !notForKeys.includes(right) && (!readOnly || right.endsWith(".read"));
}

/** The one of two roles that may do less. */
export function lowerRole(one: Role, other: Role): Role {
  return everybody.indexOf(one) > everybody.indexOf(other) ? one : other;
}

/** The roles that have a right, from the one that may do most. */
export function rolesOf(right: Right): readonly Role[] {
  return table[right];
}

/** Whether a person with this role may do this. `undefined` is somebody who is not, or no longer, a member. */
export function may(role: Role | undefined, right: Right): boolean {
  return role !== undefined && rolesOf(right).includes(role);
}

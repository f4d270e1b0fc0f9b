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
  /** One's own sign-in: who am I, sign out, change business. */
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
  /** Register nodes, and drain, rotate and delete one's own. */
  "nodes.register": workers,
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
  /** See what was deleted in the last 30 days, and bring one's own back. */
  "trash.read": workers,
  "trash.restore-others": admins,
} as const satisfies Readonly<Record<string, readonly Role[]>>;

export type Right = keyof typeof table;

/** The rights to change what belongs to other people. */
export type OthersRight = Extract<Right, `${string}.change-others`>;

/** The roles that have a right, from the one that may do most. */
export function rolesOf(right: Right): readonly Role[] {
  return table[right];
}

/** Whether a person with this role may do this. `undefined` is somebody who is not, or no longer, a member. */
export function may(role: Role | undefined, right: Right): boolean {
  return role !== undefined && rolesOf(right).includes(role);
}

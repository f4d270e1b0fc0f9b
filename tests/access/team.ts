import type { Role } from "../../shared/auth.ts";
import { newId } from "../../shared/ids.ts";
import type { As } from "../support/api.ts";
import type { TestPlane } from "../support/plane.ts";

/** People of one business, by their names. */
export type Team<Name extends string> = Record<Name, As>;

/** Signs people in to a business, each with a role. */
export async function teamOf<Name extends string>(
  plane: TestPlane,
  businessName: string,
  roles: Readonly<Record<Name, Role>>,
): Promise<Team<Name>> {
  const team: Partial<Team<Name>> = {};
  for (const [userName, role] of Object.entries<Role>(roles)) {
    // The sign-in on the same machine makes owners of those who are not in the business yet.
    const sessionId = newId("ses");
    await plane.stores.sessions.create({ sessionId, userName, businessName, role, nowMs: plane.now() });
    team[userName as Name] = await plane.api.user(businessName, userName);
  }
  return team as Team<Name>;
}

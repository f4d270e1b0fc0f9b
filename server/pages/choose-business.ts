import { html } from "hono/html";
import { ComputeError } from "../../shared/errors.ts";
import type { MembershipRecord, PersonStore } from "../auth/person-store.ts";
import type { Grantee } from "../oauth/contract.ts";
import type { Html } from "./layout.ts";
import type { SignedIn } from "./visits.ts";

/** The businesses of a person. Throws `forbidden` if they are in none, since a program can do nothing for them then. */
export async function businessesOf(people: PersonStore, visit: SignedIn): Promise<MembershipRecord[]> {
  const memberships = await people.memberships(visit.person.userId);
  if (memberships.length > 0) return memberships;
  throw new ComputeError(
    "forbidden",
    `${visit.person.userName} belongs to no business on this server. Ask an owner or admin of one to invite you.`,
  );
}

/** The field of a form that says in which business a program may act. */
export function businessField(memberships: readonly MembershipRecord[]): Html {
  const [only, ...others] = memberships;
  if (only && others.length === 0) {
    return html`<input type="hidden" name="business" value="${only.businessId}">
<dl><dt>Business</dt><dd>${only.businessName}, as ${only.role}</dd></dl>`;
  }
  return html`<fieldset>
<legend>In which business?</legend>
${memberships.map(
  ({ businessId, businessName, role }, i) => html`<label class="choice">
<input type="radio" name="business" value="${businessId}" required ${i === 0 ? "checked" : ""}>
<span>${businessName} <span class="quiet">as ${role}</span></span></label>`,
)}
</fieldset>`;
}

/** Whom the form lets a program act as. Throws `forbidden` if the person is not in the business. */
export async function granteeOf(
  people: PersonStore,
  { person: { userId } }: SignedIn,
  fields: URLSearchParams,
): Promise<Grantee> {
  const membership = await people.membership(fields.get("business") ?? "", userId);
  if (membership) return { userId, businessId: membership.businessId };
  throw new ComputeError("forbidden", "You do not belong to this business any more. Load the page again.");
}

/**
 * Whom a part of this server acts as for the person: in the business it names, if they belong to it, or else their first one.
 * Throws `forbidden` if they are in none.
 */
export async function ownGrantee(
  people: PersonStore,
  visit: SignedIn,
  business: string | null,
): Promise<Grantee> {
  const memberships = await businessesOf(people, visit);
  const wanted = memberships.find(({ businessId }) => businessId === business) ?? memberships[0];
  const { person, session } = visit;
  return { userId: person.userId, businessId: wanted?.businessId ?? "", visitId: session.sessionId };
}

import { html } from "hono/html";
import { ComputeError } from "../../shared/errors.ts";
import type { PersonRecord } from "../auth/person-store.ts";
import type { InvitationFacts, Invitations, SignInSettings } from "../people/contract.ts";
import { formError, isSignedIn, type PageKit } from "./kit.ts";
import { showPage } from "./layout.ts";
import { personFields, signUpOf } from "./person-fields.ts";
import type { PageContext, Visit } from "./visits.ts";

export interface InvitationParts {
  kit: PageKit;
  settings: SignInSettings;
  invitations: Invitations;
}

/** `/invitation/TOKEN`: somebody who was invited joins a business, as who they are already or as somebody new. */
export function mountInvitation({ kit, invitations, settings }: InvitationParts): void {
  const known = async (c: PageContext) => {
    const token = c.req.param("token") ?? "";
    const facts = await invitations.find(token);
    if (facts) return { token, facts };
    throw new ComputeError(
      "not_found",
      "This invitation was used, revoked or has expired. Ask for another one.",
    );
  };

  kit.get("/invitation/:token", async (c, visit) => show(c, visit, await known(c)));

  kit.post("/invitation/:token", async (c, visit, fields) => {
    const { token, facts } = await known(c);
    let person: PersonRecord;
    try {
      if (isSignedIn(visit)) person = visit.person;
      else person = await settings.signUp(signUpOf(withEmail(fields, facts)));
    } catch (error) {
      const entered = { user: fields.get("user") ?? "", email: fields.get("email") ?? "" };
      return show(c, visit, { token, facts }, { ...formError(error), ...entered });
    }
    if (!(await invitations.accept(token, person.userId))) await known(c);
    if (!isSignedIn(visit)) await kit.visits.signIn(c, person, visit);
    const of = { business: facts.businessName, role: facts.role };
    await kit.record(c, person, { event: "invitation accepted", of });
    return c.redirect("/account", 303);
  });

  const show = (
    c: PageContext,
    visit: Visit,
    { token, facts }: { token: string; facts: InvitationFacts },
    entered: { user?: string; email?: string; error?: string; status?: number } = {},
  ) => {
    const { businessName, role, invitedBy, email } = facts;
    const action = `/invitation/${encodeURIComponent(token)}`;
    const signIn = `/sign-in?${new URLSearchParams({ next: action })}`;
    const main = html`
<p><strong>${invitedBy}</strong> invites you to <strong>${businessName}</strong> as ${role}.</p>
<form method="post" action="${action}">
${kit.formField(visit)}
${isSignedIn(visit) ? "" : personFields({ ...entered, ...(email !== undefined && { email, isEmailFixed: true }) })}
<button class="main">${isSignedIn(visit) ? `Join as ${visit.person.userName}` : "Join"}</button>
</form>
${isSignedIn(visit) ? "" : html`<p>Do you have an account here? <a href="${signIn}">Sign in</a> first.</p>`}`;
    const { error, status } = entered;
    return showPage(c, { title: `Join ${businessName}`, main, error, status });
  };
}

/** A mailed invitation is for one address. */
function withEmail(fields: URLSearchParams, { email }: InvitationFacts): URLSearchParams {
  if (email !== undefined) fields.set("email", email);
  return fields;
}

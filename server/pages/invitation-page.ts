import { html } from "hono/html";
import { ComputeError } from "../../shared/errors.ts";
import { digestOf } from "../auth/bearer-secret.ts";
import type { PersonRecord } from "../auth/person-store.ts";
import type { InvitationFacts, Invitations, SignInSettings } from "../people/contract.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { formError, isSignedIn, type PageKit } from "./kit.ts";
import { showPage } from "./layout.ts";
import { personFields, signUpOf } from "./person-fields.ts";
import { fromOf, type PageContext, type Visit } from "./visits.ts";

export interface InvitationParts {
  kit: PageKit;
  settings: SignInSettings;
  invitations: Invitations;
  throttle: Throttle;
}

/** `/invitation/TOKEN`: somebody who was invited joins a business, as who they are already or as somebody new. */
export function mountInvitation({ kit, invitations, settings, throttle }: InvitationParts): void {
  const known = async (c: PageContext) => {
    const token = c.req.param("token") ?? "";
    const facts = await invitations.find(token);
    if (facts) return { token, facts };
    throw new ComputeError(
      "not_found",
      "This invitation was used, revoked or has expired. Ask for another one.",
    );
  };

  /** Each address that is taken tells that somebody has it, so nobody tries many. */
  const signUp = async (c: PageContext, token: string, fields: URLSearchParams) => {
    const { address } = fromOf(c);
    const counted = await throttle.begin({ what: "invitation", account: digestOf(token), address });
    const person = await settings.signUp(signUpOf(fields));
    await counted.succeeded();
    return person;
  };

  kit.get("/invitation/:token", async (c, visit) => show(c, visit, await known(c)));

  kit.post("/invitation/:token", async (c, visit, fields) => {
    const { token, facts } = await known(c);
    let person: PersonRecord;
    try {
      if (isSignedIn(visit)) person = visit.person;
      else person = await signUp(c, token, withEmail(fields, facts));
    } catch (error) {
      const entered = { user: fields.get("user") ?? "", email: fields.get("email") ?? "" };
      return show(c, visit, { token, facts }, { ...formError(c, error), ...entered });
    }
    if (!(await invitations.accept(token, person.userId))) await known(c);
    if (!isSignedIn(visit)) await kit.visits.signIn(c, person, visit);
    const of = { business: facts.businessName, role: facts.role };
    await kit.record(c, person, { event: "invitation accepted", of });
    return c.redirect("/", 303);
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

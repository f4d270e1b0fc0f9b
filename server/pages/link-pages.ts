import { html } from "hono/html";
import { ComputeError } from "../../shared/errors.ts";
import { digestOf } from "../auth/bearer-secret.ts";
import type { PersonStore } from "../auth/person-store.ts";
import type { SignInSettings } from "../people/contract.ts";
import { formError, type PageKit } from "./kit.ts";
import { showPage } from "./layout.ts";
import { nameOf, personFields, signUpOf } from "./person-fields.ts";
import type { LinkPurpose, OneTimeLink, VisitStore } from "./visit-store.ts";
import type { PageContext, Visit } from "./visits.ts";

export interface LinkParts {
  kit: PageKit;
  people: PersonStore;
  settings: SignInSettings;
  visits: VisitStore;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Pages behind links that are valid once: `/setup/TOKEN` makes the first owner, `/open/TOKEN` opens a signed-in browser. */
export function mountLinks({ kit, people, settings, visits, now }: LinkParts): void {
  const known = async (c: PageContext, purpose: LinkPurpose): Promise<OneTimeLink> => {
    const link = await visits.link(digestOf(c.req.param("token") ?? ""), now());
    if (link?.purpose === purpose) return link;
    throw gone(purpose);
  };
  const setupLink = async (c: PageContext) => {
    const link = await known(c, "setup");
    // Another link, or another server, was faster.
    if (await settings.anyoneCanSignIn()) throw gone("setup");
    return link;
  };

  kit.get("/open/:token", async (c, visit) => {
    const { userId } = await known(c, "open");
    const person = await people.find(userId ?? "");
    if (!person) throw gone("open");
    const main = html`
<p>This link signs this browser in as <strong>${person.userName}</strong>.</p>
<form method="post">${kit.formField(visit)}<button class="main" autofocus>Sign in</button></form>`;
    return showPage(c, { title: "Sign in", main });
  });

  kit.post("/open/:token", async (c, visit) => {
    const { tokenHash } = await known(c, "open");
    const taken = await visits.takeLink(tokenHash, now());
    const person = taken && (await people.find(taken.userId ?? ""));
    if (!person) throw gone("open");
    await kit.visits.signIn(c, person, visit);
    await kit.record(c, person, { event: "signed in", of: { way: "link" } });
    return c.redirect("/", 303);
  });

  kit.get("/setup/:token", async (c, visit) => {
    await setupLink(c);
    return showSetup(c, kit, visit);
  });

  kit.post("/setup/:token", async (c, visit, fields) => {
    const link = await setupLink(c);
    if (!(await visits.takeLink(link.tokenHash, now()))) throw gone("setup");
    try {
      const businessName = nameOf(fields.get("business"), "The name of the business");
      const person = await settings.signUp(signUpOf(fields));
      const { businessId } = await people.business(businessName, now());
      await people.join(businessId, person.userId, "owner", now());
      await kit.visits.signIn(c, person, visit);
      await kit.record(c, person, { event: "first owner made", of: { business: businessName } });
      return c.redirect("/", 303);
    } catch (error) {
      // A mistake in the form must not cost the only way in.
      if (!(await settings.anyoneCanSignIn())) await visits.makeLink(link);
      const entered = Object.fromEntries(
        ["user", "email", "business"].map((name) => [name, fields.get(name) ?? ""]),
      );
      return showSetup(c, kit, visit, { ...entered, ...formError(c, error) });
    }
  });
}

interface SetUp {
  user?: string;
  email?: string;
  business?: string;
  error?: string;
  status?: number;
}

function showSetup(c: PageContext, kit: PageKit, visit: Visit, entered: SetUp = {}) {
  const { user, email, business = "local", error, status } = entered;
  const main = html`
<p>Nobody can sign in at this server from elsewhere yet. You become its first owner.</p>
<form method="post">
${kit.formField(visit)}
${personFields({ ...(user !== undefined && { user }), ...(email !== undefined && { email }) })}
<div class="field"><label for="business">Business, to which nodes and jobs belong</label>
<input id="business" name="business" autocomplete="organization" required maxlength="64" value="${business}"></div>
<button class="main">Create the owner</button>
</form>`;
  return showPage(c, { title: "Set up this server", main, error, status });
}

function gone(purpose: LinkPurpose): ComputeError {
  const todo =
    purpose === "open"
      ? "It is valid once, for a minute. Run tanvrit-compute auth open again."
      : "It is valid once. Sign in; if nobody can, restart the server, which prints another link.";
  return new ComputeError("not_found", `This link was used or has expired. ${todo}`);
}

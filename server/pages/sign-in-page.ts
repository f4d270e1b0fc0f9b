import { html } from "hono/html";
import type { PersonRecord } from "../auth/person-store.ts";
import type { SignInMethods } from "../people/contract.ts";
import { formError, isSignedIn, type PageKit } from "./kit.ts";
import { type Html, showPage } from "./layout.ts";
import { fromOf, type PageContext, type Visit } from "./visits.ts";

export interface SignInParts {
  kit: PageKit;
  methods: SignInMethods;
}

interface Entered {
  email?: string;
  next: string;
  error?: string;
  status?: number;
}

/** `/sign-in`: by password, by a code that comes by mail, or by a passkey. `/sign-out` ends it. */
export function mountSignIn({ kit, methods }: SignInParts): void {
  const signIn = async (c: PageContext, visit: Visit, person: PersonRecord, way: string) => {
    await kit.visits.signIn(c, person, visit);
    await kit.record(c, person, { event: "signed in", of: { way } });
  };

  kit.get("/sign-in", (c, visit) => {
    const next = kit.placeAfter(c, c.req.query("next"));
    if (isSignedIn(visit) && c.req.query("again") === undefined) return c.redirect(next, 303);
    return showSignIn(c, kit, methods, visit, { next });
  });

  kit.post("/sign-in", async (c, visit, fields) => {
    const next = kit.placeAfter(c, fields.get("next"));
    const email = (fields.get("email") ?? "").trim();
    try {
      if (fields.get("way") === "code") {
        await methods.requestCode(email, fromOf(c));
        return showCode(c, kit, visit, { email, next });
      }
      const person = await methods.byPassword(email, fields.get("password") ?? "", fromOf(c));
      await signIn(c, visit, person, "password");
      return c.redirect(next, 303);
    } catch (error) {
      return showSignIn(c, kit, methods, visit, { email, next, ...formError(c, error) });
    }
  });

  kit.post("/sign-in/code", async (c, visit, fields) => {
    const next = kit.placeAfter(c, fields.get("next"));
    const email = fields.get("email") ?? "";
    try {
      const code = (fields.get("code") ?? "").replaceAll(/\s/g, "");
      await signIn(c, visit, await methods.byCode(email, code, fromOf(c)), "code");
      return c.redirect(next, 303);
    } catch (error) {
      return showCode(c, kit, visit, { email, next, ...formError(c, error) });
    }
  });

  kit.postJson("/sign-in/passkey/options", (c) => methods.passkeyChallenge(kit.origin(c)));

  kit.postJson("/sign-in/passkey", async (c, visit, { challengeId, response, next }) => {
    const person = await methods.byPasskey(String(challengeId), response, kit.origin(c), fromOf(c));
    await signIn(c, visit, person, "passkey");
    return { location: kit.placeAfter(c, typeof next === "string" ? next : undefined) };
  });

  kit.get("/sign-out", (c, visit) => showSignOut(c, kit, visit));

  kit.post("/sign-out", async (c, visit) => {
    await kit.visits.signOut(c, visit);
    if (visit.person) await kit.record(c, visit.person, { event: "signed out" });
    return c.redirect("/sign-out", 303);
  });
}

function showSignIn(
  c: PageContext,
  kit: PageKit,
  methods: SignInMethods,
  visit: Visit,
  { email = "", next, error, status }: Entered,
) {
  const main: Html = html`
<form method="post" action="/sign-in">
${kit.formField(visit)}
<input type="hidden" name="next" value="${next}">
<div class="field"><label for="email">Email</label>
<input id="email" name="email" type="email" autocomplete="username" required maxlength="254" value="${email}" ${email === "" ? "autofocus" : ""}></div>
<div class="field"><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024"
 ${email === "" ? "" : "autofocus"}></div>
<div class="answers"><button class="main" name="way" value="password">Sign in</button>
${methods.hasMail ? html`<button name="way" value="code" formnovalidate>Email me a code instead</button>` : ""}
<button type="button" hidden data-passkey="get" data-options="/sign-in/passkey/options" data-answer="/sign-in/passkey"
 data-form="${kit.visits.formToken(visit)}" data-next="${next}">Use a passkey</button></div>
</form>
<p id="passkey-says" class="error" role="alert" hidden></p>
<p class="quiet">On the server's own machine, <code>tanvrit-compute auth open</code> signs this browser in without a password.</p>`;
  return showPage(c, { title: "Sign in", main, error, status, passkeys: true });
}

function showCode(c: PageContext, kit: PageKit, visit: Visit, { email = "", next, error, status }: Entered) {
  const main = html`
<p>If somebody here has the address ${email}, a mail with a code of six digits is on its way. It is valid for ten minutes.</p>
<form method="post" action="/sign-in/code">
${kit.formField(visit)}
<input type="hidden" name="next" value="${next}">
<input type="hidden" name="email" value="${email}">
<div class="field"><label for="code">Code</label>
<input id="code" class="code" name="code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9 ]{6,12}"
 title="Six digits" required autofocus></div>
<button class="main">Sign in</button>
</form>
<p><a href="/sign-in?${new URLSearchParams({ next })}">Sign in another way</a></p>`;
  return showPage(c, { title: "Enter the code", main, error, status });
}

function showSignOut(c: PageContext, kit: PageKit, visit: Visit) {
  if (!isSignedIn(visit)) {
    const main = html`
<p class="done" role="status">You are signed out in this browser.</p>
<a class="button" href="/sign-in">Sign in</a>`;
    return showPage(c, { title: "Signed out", main });
  }
  const main = html`
<p>You are signed in as ${visit.person.userName}. Programs and agents that you let in stay signed in.</p>
<form method="post" action="/sign-out">
${kit.formField(visit)}
<button class="main">Sign out</button>
</form>`;
  return showPage(c, { title: "Sign out", main });
}

import { html } from "hono/html";
import { ComputeError } from "../../shared/errors.ts";
import type { PersonStore } from "../auth/person-store.ts";
import type { PasskeyFacts, SignInSettings } from "../people/contract.ts";
import { browserName } from "./browser-name.ts";
import { formError, isSignedIn, type PageKit } from "./kit.ts";
import { type Html, showPage } from "./layout.ts";
import type { Programs, SignedInProgram } from "./programs.ts";
import type { BrowserSession, VisitStore } from "./visit-store.ts";
import type { PageContext, SignedIn } from "./visits.ts";

export interface AccountParts {
  kit: PageKit;
  people: PersonStore;
  settings: SignInSettings;
  visits: VisitStore;
  programs: Programs;
  /** Epoch milliseconds. */
  now: () => number;
}

/** What the page says after a form: which one, and what came of it. */
interface Said {
  done?: string;
  error?: string;
  status?: number;
}

const MAX_SESSIONS = 50;

/** `/account`: one's own password, passkeys, and the browsers in which one is signed in. */
export function mountAccount(parts: AccountParts): void {
  const { kit, settings, visits, programs } = parts;

  kit.getSignedIn("/account", (c, visit) => {
    const done = DONE.get(c.req.query("done") ?? "");
    return showAccount(c, parts, visit, done === undefined ? {} : { done });
  });

  kit.postSignedIn("/account/password", async (c, visit, fields) => {
    const { userId, passwordHash, email } = visit.person;
    try {
      const current = passwordHash === undefined ? undefined : (fields.get("current") ?? "");
      if (email === undefined) await settings.setEmail(userId, current, fields.get("email") ?? "");
      await settings.setPassword(userId, current, fields.get("password") ?? "");
    } catch (error) {
      return showAccount(c, parts, visit, formError(c, error));
    }
    // Who knew the old password may be signed in with it.
    await visits.endOthers(userId, visit.session.sessionId);
    await kit.record(c, visit.person, { event: "password set" });
    return c.redirect("/account?done=password", 303);
  });

  kit.postSignedIn("/account/passkeys/remove", async (c, visit, fields) => {
    const passkeyId = fields.get("passkey") ?? "";
    if (await settings.removePasskey(visit.person.userId, passkeyId)) {
      await kit.record(c, visit.person, { event: "passkey removed", of: { passkeyId } });
    }
    return c.redirect("/account?done=passkey-removed", 303);
  });

  kit.postJson("/account/passkeys/options", (c, visit) => {
    return settings.passkeyOptions(signedIn(visit).person.userId, kit.origin(c));
  });

  kit.postJson("/account/passkeys", async (c, visit, { challengeId, response, name }) => {
    const by = signedIn(visit);
    const passkey = { challengeId: String(challengeId), response, name: String(name), origin: kit.origin(c) };
    await settings.addPasskey(by.person.userId, passkey);
    await kit.record(c, by.person, { event: "passkey added", of: { name: passkey.name } });
    return { location: "/account?done=passkey-added" };
  });

  kit.postSignedIn("/account/sessions/end", async (c, visit, fields) => {
    const sessionId = fields.get("session") ?? "";
    if (await visits.end(visit.person.userId, sessionId)) {
      await kit.record(c, visit.person, { event: "browser signed out", of: { sessionId } });
    }
    return c.redirect("/account?done=session", 303);
  });

  kit.postSignedIn("/account/programs/end", async (c, visit, fields) => {
    const sessionId = fields.get("session") ?? "";
    if (await programs.end(visit.person.userId, sessionId)) {
      await kit.record(c, visit.person, { event: "program signed out", of: { sessionId } });
    }
    return c.redirect("/account?done=program", 303);
  });
}

const TITLE = "Your account";
const DONE = new Map([
  ["program", "That program is signed out."],
  ["password", "The password is set. Other browsers are signed out."],
  ["passkey-added", "The passkey is added."],
  ["passkey-removed", "The passkey is removed."],
  ["session", "That browser is signed out."],
]);

function signedIn(visit: Parameters<typeof isSignedIn>[0]): SignedIn {
  if (isSignedIn(visit)) return visit;
  throw new ComputeError("unauthenticated", "You are signed out. Load the page again.");
}

async function showAccount(c: PageContext, parts: AccountParts, visit: SignedIn, said: Said) {
  const { kit, people, settings, visits, programs, now } = parts;
  const { userId, userName, email } = visit.person;
  const [memberships, passkeys, sessions, signedIn] = await Promise.all([
    people.memberships(userId),
    settings.passkeys(userId),
    visits.list(userId, now(), MAX_SESSIONS),
    programs.list(userId, MAX_SESSIONS),
  ]);
  const field = kit.formField(visit);
  const main = html`
${said.done === undefined ? "" : html`<p class="done" role="status">${said.done}</p>`}
<div class="apart"><h1>${TITLE}</h1>
<form method="post" action="/sign-out">${field}<button>Sign out</button></form></div>
<section class="card"><dl>
<dt>Name</dt><dd>${userName}</dd>
<dt>Email</dt><dd>${email ?? "none"}</dd>
${memberships.map(({ businessName, role }) => html`<dt>Business</dt><dd>${businessName}, as ${role}</dd>`)}
</dl></section>
${passwordSection(visit, field)}
${passkeySection(kit, visit, field, passkeys)}
${sessionSection(visit, field, sessions)}
${programSection(field, signedIn)}`;
  return showPage(c, {
    title: TITLE,
    main,
    error: said.error,
    status: said.status,
    passkeys: true,
    isWide: true,
  });
}

function passwordSection({ person: { email, passwordHash } }: SignedIn, field: Html): Html {
  const has = passwordHash !== undefined;
  return html`
<section class="card"><h2>Password</h2>
<form method="post" action="/account/password">
${field}
${
  email === undefined
    ? html`<div class="field"><label for="email">Email, with which you sign in</label>
<input id="email" name="email" type="email" autocomplete="username" required maxlength="254"></div>`
    : html`<input type="text" autocomplete="username" value="${email}" readonly hidden>`
}
${
  has
    ? html`<div class="field"><label for="current">Current password</label>
<input id="current" name="current" type="password" autocomplete="current-password" required maxlength="1024"></div>`
    : ""
}
<div class="field"><label for="password">New password</label>
<input id="password" name="password" type="password" autocomplete="new-password" required minlength="10" maxlength="1024"></div>
<button>${has ? "Change the password" : "Set a password"}</button>
</form></section>`;
}

function passkeySection(kit: PageKit, visit: SignedIn, field: Html, passkeys: readonly PasskeyFacts[]): Html {
  return html`
<section class="card"><h2>Passkeys</h2>
${
  passkeys.length === 0
    ? html`<p class="quiet">You have none. A passkey signs you in with your device's screen lock or a security key.</p>`
    : html`<ul class="rows">
${passkeys.map(
  ({ passkeyId, name, createdAtMs, lastUsedAtMs }) => html`<li><div>${name}<br>
<span class="quiet">added ${dayOf(createdAtMs)}${lastUsedAtMs === undefined ? "" : `, last used ${dayOf(lastUsedAtMs)}`}</span></div>
<form method="post" action="/account/passkeys/remove">${field}<input type="hidden" name="passkey" value="${passkeyId}">
<button class="small" aria-label="Remove the passkey ${name}">Remove</button></form></li>`,
)}
</ul>`
}
<div class="part" hidden><div class="field"><label for="passkey-name">Name of a new passkey</label>
<input id="passkey-name" value="This device" maxlength="64"></div>
<button type="button" data-passkey="add" data-options="/account/passkeys/options" data-answer="/account/passkeys"
 data-form="${kit.visits.formToken(visit)}">Add a passkey</button></div>
<p id="passkey-says" class="error" role="alert" hidden></p>
<noscript><p class="quiet">Passkeys need JavaScript; everything else here works without it.</p></noscript></section>`;
}

function sessionSection(visit: SignedIn, field: Html, sessions: readonly BrowserSession[]): Html {
  return html`
<section class="card"><h2>Browsers</h2>
<ul class="rows">
${sessions.map(({ sessionId, agent, from, createdAtMs, usedAtMs }) => {
  const isThis = sessionId === visit.session.sessionId;
  const what = browserName(agent);
  return html`<li><div>${what}<br><span class="quiet">${from ?? "unknown address"}, since ${dayOf(createdAtMs)}, used ${dayOf(usedAtMs)}</span></div>
${
  isThis
    ? html`<span class="quiet">this one</span>`
    : html`<form method="post" action="/account/sessions/end">${field}<input type="hidden" name="session" value="${sessionId}">
<button class="small" aria-label="Sign out ${what}">Sign out</button></form>`
}</li>`;
})}
</ul></section>`;
}

function programSection(field: Html, programs: readonly SignedInProgram[]): Html {
  if (programs.length === 0) return html``;
  return html`
<section class="card"><h2>Programs</h2>
<ul class="rows">
${programs.map(
  ({ sessionId, name, businessName, createdAtMs, renewedAtMs }) => html`<li><div>${name}<br>
<span class="quiet">in ${businessName}, since ${dayOf(createdAtMs)}, used ${dayOf(renewedAtMs)}</span></div>
<form method="post" action="/account/programs/end">${field}<input type="hidden" name="session" value="${sessionId}">
<button class="small" aria-label="Sign out ${name}">Sign out</button></form></li>`,
)}
</ul></section>`;
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

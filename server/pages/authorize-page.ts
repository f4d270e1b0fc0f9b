import { html } from "hono/html";
import { isLoopbackUrl } from "../../shared/url.ts";
import type { PersonStore } from "../auth/person-store.ts";
import {
  type AuthorizationRequest,
  type Authorizations,
  oauthPaths,
  RedirectedError,
} from "../oauth/contract.ts";
import { businessesOf, businessField, granteeOf, ownGrantee } from "./choose-business.ts";
import { isSignedIn, type PageKit, toSignIn } from "./kit.ts";
import { showPage, sourceOf } from "./layout.ts";
import type { PageContext, SignedIn } from "./visits.ts";

export interface AuthorizeParts {
  kit: PageKit;
  people: PersonStore;
  authorizations: Authorizations;
}

/** `/oauth/authorize`: a person lets a program act as them in one of their businesses (RFC 6749 §4.1). */
export function mountAuthorize({ kit, people, authorizations }: AuthorizeParts): void {
  const read = (query: string, origin: string): AuthorizationRequest | URL => {
    try {
      return authorizations.read(new URLSearchParams(query), origin);
    } catch (error) {
      if (error instanceof RedirectedError) return error.location;
      throw error;
    }
  };

  // A request that is wrong is refused before anybody signs in for it.
  kit.get(oauthPaths.authorize, async (c, visit) => {
    const { search } = new URL(c.req.url);
    const origin = kit.origin(c);
    const request = read(search, origin);
    if (request instanceof URL) return c.redirect(request.href, 303);
    if (request.prompt.some((one) => one === "login" || one === "select_account")) {
      return c.redirect(signInAgain(search), 303);
    }
    if (request.client.isOwn && isSignedIn(visit)) {
      const grantee = await ownGrantee(people, visit, new URLSearchParams(search).get("business"));
      return answerTo(c, request, await authorizations.allow(request, grantee, origin));
    }
    if (request.prompt.includes("none")) {
      const error = isSignedIn(visit) ? "consent_required" : "login_required";
      return answerTo(c, request, authorizations.deny(request, origin, error));
    }
    return isSignedIn(visit) ? showConsent(c, search, request, visit) : toSignIn(c);
  });

  const showConsent = async (
    c: PageContext,
    query: string,
    request: AuthorizationRequest,
    visit: SignedIn,
  ) => {
    const memberships = await businessesOf(people, visit);
    const { client, redirectUri } = request;
    const main = html`
<p><strong>${client.name}</strong> wants to act as <strong>${visit.person.userName}</strong>: see, start and change what you can.</p>
<form method="post" action="${oauthPaths.authorize}">
${kit.formField(visit)}
<input type="hidden" name="request" value="${query.slice(1)}">
${businessField(memberships)}
<div class="answers"><button class="main" name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Deny</button></div>
</form>
<p class="quiet">${placeOf(redirectUri)} Allow it only if you started this yourself.</p>
<p class="quiet"><a href="${signInAgain(query)}">Not ${visit.person.userName}?</a></p>`;
    return showPage(c, { title: `Let ${client.name} in?`, main, leadsTo: sourceOf(redirectUri) });
  };

  kit.post(oauthPaths.authorize, async (c, visit, fields) => {
    const origin = kit.origin(c);
    const query = fields.get("request") ?? "";
    if (!isSignedIn(visit)) return c.redirect(signInAgain(query), 303);
    const request = read(query, origin);
    if (request instanceof URL) return c.redirect(request.href, 303);
    const of = { client: request.client.clientId };
    if (fields.get("answer") !== "allow") {
      await kit.record(c, visit.person, { event: "program refused", of });
      return c.redirect(authorizations.deny(request, origin).href, 303);
    }
    const grantee = await granteeOf(people, visit, fields);
    const location = await authorizations.allow(request, grantee, origin);
    await kit.record(c, visit.person, { event: "program let in", of }, grantee.businessId);
    return c.redirect(location.href, 303);
  });
}

/**
 * Leads back to the program. A script of the server's own program that asks in the background gets the address as JSON:
 * it only reads it, and a redirect would make the browser load the page there.
 */
function answerTo(c: PageContext, { client }: AuthorizationRequest, location: URL): Response {
  const isScript = client.isOwn && c.req.header("accept") === "application/json";
  return isScript ? c.json({ location: location.href }) : c.redirect(location.href, 303);
}

/** Another person, or the same one again, signs in for a request. Then it asks for that no more. */
function signInAgain(search: string): string {
  const query = new URLSearchParams(search);
  query.delete("prompt");
  return `/sign-in?${new URLSearchParams({ again: "", next: `${oauthPaths.authorize}?${query}` })}`;
}

function placeOf(redirectUri: string): string {
  if (isLoopbackUrl(redirectUri)) return "It runs on the computer with this browser.";
  return `Its answer goes to ${new URL(redirectUri).host || redirectUri}.`;
}

import type { PersonRecord } from "../auth/person-store.ts";
import { isSignedIn, type PageKit } from "./kit.ts";

/** Signs people in at another issuer. */
export interface ExternalPageSignIn {
  readonly issuer: string;
  /** @param browser a secret of the browser, which must be the one that comes back. */
  begin(browser: string, next: string, origin: string): Promise<URL>;
  finish(
    browser: string,
    query: URLSearchParams,
    origin: string,
  ): Promise<{ person: PersonRecord; next: string }>;
}

/** `/sign-in` of a server whose people another issuer signs in: it sends the browser there. */
export function mountExternalSignIn(kit: PageKit, external: ExternalPageSignIn): void {
  kit.get("/sign-in", async (c, visit) => {
    const next = kit.placeAfter(c, c.req.query("next"));
    if (isSignedIn(visit) && c.req.query("again") === undefined) return c.redirect(next, 303);
    return c.redirect((await external.begin(visit.token, next, kit.origin(c))).href, 303);
  });

  kit.get("/sign-in/callback", async (c, visit) => {
    const query = new URL(c.req.url).searchParams;
    const { person, next } = await external.finish(visit.token, query, kit.origin(c));
    await kit.visits.signIn(c, person, visit);
    await kit.record(c, person, { event: "signed in", of: { way: "issuer", issuer: external.issuer } });
    return c.redirect(kit.placeAfter(c, next), 303);
  });
}

import type { Tokens } from "../auth/tokens.ts";
import { ExternalPeople } from "../oidc/external-people.ts";
import { ExternalSignIn } from "../oidc/external-sign-in.ts";
import { ExternalTokens } from "../oidc/external-tokens.ts";
import { Issuer } from "../oidc/issuer.ts";
import type { OidcSettings } from "../oidc/settings.ts";
import type { PlaneBase } from "./base.ts";

/** Another issuer that says who people are. */
export async function composeExternal({ stores, record, now }: PlaneBase, settings: OidcSettings) {
  const issuer = new Issuer(settings, now);
  const people = new ExternalPeople(stores.people, settings.issuer, now);
  const { sessions } = stores;
  const tokens = new ExternalTokens({
    issuer,
    people,
    sessions,
    onSignIn: ({ businessId, userId, userName, sessionId }) =>
      record(businessId, {
        event: "signed in",
        actor: { kind: "user", userId, userName, sessionId },
        of: { way: "issuer", issuer: settings.issuer },
      }),
    now,
  });
  const signIn = new ExternalSignIn({ issuer, people, key: await sessions.secret("external-sign-in"), now });
  return {
    signIn,
    /** Verifies the issuer's tokens and our own, which people get after they have signed in at the issuer. */
    verifierWith: (own: Pick<Tokens, "verify">): Pick<Tokens, "verify"> => ({
      verify: (token) => (tokens.isOfIssuer(token) ? tokens.verify(token) : own.verify(token)),
    }),
  };
}

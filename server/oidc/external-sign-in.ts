import { createHmac } from "node:crypto";
import * as client from "openid-client";
import { ComputeError } from "../../shared/errors.ts";
import { isSameText } from "../auth/bearer-secret.ts";
import type { PersonRecord } from "../auth/person-store.ts";
import { type Claims, factsOf, isEnough } from "./claims.ts";
import type { ExternalPeople } from "./external-people.ts";
import type { Issuer } from "./issuer.ts";

/** How long a person may take at the issuer. */
const LIFE_MS = 15 * 60_000;
export const EXTERNAL_CALLBACK = "/sign-in/callback";

export interface ExternalSignInParts {
  issuer: Issuer;
  people: ExternalPeople;
  /** Signs what travels through the issuer; all servers of a store share it. */
  key: Uint8Array;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Lets the issuer sign people in: code and PKCE, in the person's browser. Nothing is stored until they come back. */
export class ExternalSignIn {
  constructor(private readonly parts: ExternalSignInParts) {}

  /** What pages call the issuer. */
  get issuer(): string {
    return this.parts.issuer.settings.issuer;
  }

  /**
   * Where to send the browser. Throws `unavailable` while the issuer does not answer.
   *
   * @param browser a secret of the browser, which must be the one that comes back.
   * @param next the page of this server to go to after it.
   */
  async begin(browser: string, next: string, origin: string): Promise<URL> {
    const { issuer, now } = this.parts;
    if (issuer.settings.clientId === undefined)
      throw new ComputeError(
        "unavailable",
        "This server cannot send browsers to its issuer: oidc.clientId is missing.",
      );
    const configuration = await issuer.configuration();
    const random = client.randomState();
    const state = this.stateOf(browser, { random, next, untilMs: now() + LIFE_MS });
    return client.buildAuthorizationUrl(configuration, {
      redirect_uri: origin + EXTERNAL_CALLBACK,
      scope: issuer.settings.scope,
      state,
      nonce: this.mac(browser, `nonce ${random}`),
      code_challenge: await client.calculatePKCECodeChallenge(this.mac(browser, `verifier ${random}`)),
      code_challenge_method: "S256",
    });
  }

  /**
   * Who came back. Throws `forbidden` if this browser did not begin it or the issuer refused, `unauthenticated` if the
   * issuer's answer is not valid, or `unavailable`.
   */
  async finish(
    browser: string,
    query: URLSearchParams,
    origin: string,
  ): Promise<{ person: PersonRecord; next: string }> {
    const { issuer, people } = this.parts;
    const state = query.get("state") ?? "";
    const { random, next } = this.readState(browser, state);
    const refused = query.get("error");
    if (refused !== null)
      throw new ComputeError(
        "forbidden",
        `${this.issuer} did not sign you in: ${refused.slice(0, 80)}. Try again.`,
      );
    const url = new URL(origin + EXTERNAL_CALLBACK);
    url.search = query.toString();
    const configuration = await issuer.configuration();
    const tokens = await this.trade(configuration, url, {
      expectedState: state,
      expectedNonce: this.mac(browser, `nonce ${random}`),
      pkceCodeVerifier: this.mac(browser, `verifier ${random}`),
      idTokenExpected: true,
    });
    const { clientId = "" } = issuer.settings;
    const claims = await issuer.verify(tokens.id_token ?? "", clientId);
    const all = await this.withUserInfo(configuration, claims, tokens.access_token);
    return { person: await people.signedIn(factsOf(all, issuer.settings)), next };
  }

  private async trade(
    configuration: client.Configuration,
    url: URL,
    checks: client.AuthorizationCodeGrantChecks,
  ) {
    try {
      return await client.authorizationCodeGrant(configuration, url, checks);
    } catch (error) {
      if (error instanceof client.ResponseBodyError || error instanceof client.ClientError)
        throw new ComputeError("unauthenticated", `${this.issuer} gave no valid answer. Try again.`, {
          cause: error,
        });
      throw this.parts.issuer.unreachable(error);
    }
  }

  /** Some issuers keep the ID token small, and tell the rest only when asked. */
  private async withUserInfo(
    configuration: client.Configuration,
    claims: Claims & { sub?: string },
    accessToken: string,
  ): Promise<Claims> {
    const { settings } = this.parts.issuer;
    const { userinfo_endpoint: endpoint } = configuration.serverMetadata();
    if (isEnough(claims, settings) || endpoint === undefined || claims.sub === undefined) return claims;
    try {
      return { ...(await client.fetchUserInfo(configuration, accessToken, claims.sub)), ...claims };
    } catch (error) {
      throw this.parts.issuer.unreachable(error);
    }
  }

  private stateOf(browser: string, content: object): string {
    const text = Buffer.from(JSON.stringify(content)).toString("base64url");
    return `${text}.${this.mac(browser, `state ${text}`)}`;
  }

  private readState(browser: string, state: string): { random: string; next: string } {
    const [text = "", mac = ""] = state.split(".");
    if (isSameText(mac, this.mac(browser, `state ${text}`))) {
      const { random, next, untilMs } = JSON.parse(Buffer.from(text, "base64url").toString());
      if (untilMs > this.parts.now()) return { random, next };
    }
    throw new ComputeError(
      "forbidden",
      "This sign-in was begun in another browser, or too long ago. Begin again.",
    );
  }

  private mac(browser: string, text: string): string {
    return createHmac("sha256", this.parts.key).update(`${browser}\0${text}`).digest("base64url");
  }
}

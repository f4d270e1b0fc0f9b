import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import * as client from "openid-client";
import { ComputeError } from "../../shared/errors.ts";
import { clientSecretOf, type OidcSettings } from "./settings.ts";

/** How long the metadata of the issuer is good for. */
const METADATA_LIFE_MS = 3_600_000;
/** After a failure, the issuer is left alone this long. */
const FAILURE_MS = 5_000;
const REQUEST_SECONDS = 10;
/** An unknown key id makes the server ask for the keys again, but not more often than this. */
const KEYS_FLOOR_MS = 2_000;
const KEYS_LIFE_MS = 600_000;
/** Clocks of two machines differ. */
const CLOCK_SECONDS = 5;

interface Known {
  configuration: client.Configuration;
  keys: ReturnType<typeof createRemoteJWKSet>;
}

/** Another issuer: what it says about itself, and its keys, which change. */
export class Issuer {
  private known: { untilMs: number; value: Promise<Known> } | undefined;
  private readonly secret: string | undefined;

  constructor(
    readonly settings: OidcSettings,
    /** Epoch milliseconds. */
    private readonly now: () => number,
  ) {
    this.secret = clientSecretOf(settings);
  }

  /** This server as a client of the issuer. Throws `unavailable` while the issuer does not answer. */
  async configuration(): Promise<client.Configuration> {
    return (await this.metadata()).configuration;
  }

  /**
   * The claims of a token of the issuer. Throws `unauthenticated` if it is not valid, `token_expired`, or `unavailable`
   * while the issuer does not give its keys.
   */
  async verify(token: string, audience: string): Promise<JWTPayload> {
    const { keys } = await this.metadata();
    const { issuer, algorithms } = this.settings;
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms,
        requiredClaims: ["exp", "iat"],
        clockTolerance: CLOCK_SECONDS,
        currentDate: new Date(this.now()),
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JWTExpired)
        throw new ComputeError("token_expired", `The token of ${issuer} has expired. Sign in again.`);
      if (isUnreachable(error)) throw this.unreachable(error);
      throw new ComputeError("unauthenticated", `The token of ${issuer} is not valid on this server.`);
    }
  }

  unreachable(cause: unknown): ComputeError {
    const detail = `${this.settings.issuer}, which says who people are, does not answer as it should. Try again in a moment.`;
    return new ComputeError("unavailable", detail, { cause, retryAfterSeconds: FAILURE_MS / 1_000 });
  }

  private async metadata(): Promise<Known> {
    if (!this.known || this.known.untilMs <= this.now()) {
      const asked = { untilMs: this.now() + METADATA_LIFE_MS, value: this.ask() };
      asked.value.catch(() => {
        asked.untilMs = this.now() + FAILURE_MS;
      });
      this.known = asked;
    }
    try {
      return await this.known.value;
    } catch (cause) {
      throw this.unreachable(cause);
    }
  }

  private async ask(): Promise<Known> {
    const { issuer, clientId, audience } = this.settings;
    const isPlain = issuer.startsWith("http:");
    const configuration = await client.discovery(
      new URL(issuer),
      clientId ?? audience,
      undefined,
      this.secret === undefined ? client.None() : client.ClientSecretPost(this.secret),
      { timeout: REQUEST_SECONDS, ...(isPlain && { execute: [client.allowInsecureRequests] }) },
    );
    const { jwks_uri: uri } = configuration.serverMetadata();
    if (uri === undefined) throw new Error("its metadata has no jwks_uri");
    const keys = createRemoteJWKSet(new URL(uri), {
      timeoutDuration: REQUEST_SECONDS * 1_000,
      cooldownDuration: KEYS_FLOOR_MS,
      cacheMaxAge: KEYS_LIFE_MS,
    });
    return { configuration, keys };
  }
}

/** Whether the keys could not be read: jose reports an answer that is not 200 as its general error. */
function isUnreachable(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return true;
  return (
    error instanceof errors.JWKSTimeout ||
    error.code === "ERR_JOSE_GENERIC" ||
    error.code === "ERR_JWKS_INVALID"
  );
}

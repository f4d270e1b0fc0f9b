import { createHmac } from "node:crypto";
import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import { digestOf, isSameText, newSecret } from "../auth/bearer-secret.ts";
import type { PersonRecord, PersonStore } from "../auth/person-store.ts";
import type { SessionLife } from "../auth/tokens.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import type { PeerInfo } from "../http/serve.ts";
import type { From } from "../people/contract.ts";
import type { BrowserSession, VisitStore } from "./visit-store.ts";

export type PageContext = Context<{ Bindings: PeerInfo }>;

/** The browser behind a request. */
export interface Visit {
  /** The secret in its cookie. Everybody has one, so that forms can be checked before a sign-in too. */
  token: string;
  /** Only if somebody is signed in. */
  session?: BrowserSession;
  person?: PersonRecord;
}

/** A visit of somebody who is signed in. */
export type SignedIn = Required<Visit>;

export interface VisitsParts {
  visits: VisitStore;
  people: PersonStore;
  /** Signs the tokens of forms; all servers of a store share it. */
  formKey: Uint8Array;
  life: SessionLife;
  urls: Pick<OwnUrls, "originOf" | "isOwnOrigin">;
  /** Epoch milliseconds. */
  now: () => number;
}

const TOKEN = /^[\w-]{43}$/;
const HOUR_MS = 3_600_000;
/** Browsers keep no cookie for longer. */
const MAX_COOKIE_SECONDS = 400 * 24 * 3_600;
const MAX_AGENT_LENGTH = 300;

/** Knows who is signed in in which browser, by a cookie that scripts cannot read. */
export class Visits {
  constructor(private readonly parts: VisitsParts) {}

  async of(c: PageContext): Promise<Visit> {
    const given = getCookie(c, this.cookieName(c), this.prefix(c));
    const token = given !== undefined && TOKEN.test(given) ? given : undefined;
    const visit = token === undefined ? undefined : await this.known(c, token);
    if (visit) return visit;
    const fresh = token ?? newSecret();
    if (token === undefined) this.setToken(c, fresh);
    return { token: fresh };
  }

  /** A token that only forms for this browser have. */
  formToken({ token }: Visit): string {
    return createHmac("sha256", this.parts.formKey).update(token).digest("base64url");
  }

  /** Throws `forbidden` unless the form was made for this browser, by a page of this server. */
  checkForm(c: PageContext, visit: Visit, formToken: string): void {
    const origin = c.req.header("origin");
    const isOurs = isSameText(formToken, this.formToken(visit));
    if (isOurs && (origin === undefined || this.parts.urls.isOwnOrigin(origin, c.req.raw))) return;
    throw new ComputeError(
      "forbidden",
      "This form is too old, or it comes from another page. Go back, load the page again, and repeat it.",
    );
  }

  /** Signs the person in. The browser gets a new secret, so nobody who knew the old one is signed in too. */
  async signIn(c: PageContext, person: PersonRecord, before: Visit): Promise<SignedIn> {
    const { visits, now, life } = this.parts;
    if (before.session) await visits.end(before.session.userId, before.session.sessionId);
    const token = newSecret();
    const nowMs = now();
    const { address: from, agent } = fromOf(c);
    const session: BrowserSession = {
      sessionId: newId("ses"),
      userId: person.userId,
      createdAtMs: nowMs,
      usedAtMs: nowMs,
      expiresAtMs: nowMs + Math.min(life.idleMs, life.maxMs),
      from,
      agent,
    };
    await visits.open(session, digestOf(token));
    this.setToken(c, token, session.expiresAtMs);
    return { token, session, person };
  }

  async signOut(c: PageContext, { session }: Visit): Promise<void> {
    if (session) await this.parts.visits.end(session.userId, session.sessionId);
    this.setToken(c, newSecret());
  }

  private async known(c: PageContext, token: string): Promise<SignedIn | undefined> {
    const { visits, people, now, life } = this.parts;
    const nowMs = now();
    const session = await visits.find(digestOf(token), nowMs);
    const person = session && (await people.find(session.userId));
    if (!session || !person) return undefined;
    if (nowMs - session.usedAtMs > HOUR_MS) {
      const expiresAtMs = Math.min(nowMs + life.idleMs, session.createdAtMs + life.maxMs);
      await visits.use(session.sessionId, nowMs, expiresAtMs);
      this.setToken(c, token, expiresAtMs);
    }
    return { token, session, person };
  }

  /** @param untilMs absent: until the browser is closed. */
  private setToken(c: PageContext, token: string, untilMs?: number): void {
    const seconds = untilMs === undefined ? undefined : Math.floor((untilMs - this.parts.now()) / 1_000);
    setCookie(c, this.cookieName(c), token, {
      path: "/",
      httpOnly: true,
      sameSite: "Lax",
      ...(seconds !== undefined && { maxAge: Math.min(seconds, MAX_COOKIE_SECONDS) }),
      ...(this.isSecure(c) && { secure: true, prefix: "host" }),
    });
  }

  /** Servers on several ports of a machine share its cookies, so each has a name of its own. */
  private cookieName(c: PageContext): string {
    const { port, protocol } = new URL(this.parts.urls.originOf(c.req.raw));
    return `tanvrit-${port || (protocol === "https:" ? "443" : "80")}`;
  }

  private prefix(c: PageContext): "host" | undefined {
    return this.isSecure(c) ? "host" : undefined;
  }

  private isSecure(c: PageContext): boolean {
    return this.parts.urls.originOf(c.req.raw).startsWith("https:");
  }
}

/** Where a request comes from. */
export function fromOf(c: PageContext): From {
  return { address: c.env?.address, agent: c.req.header("user-agent")?.slice(0, MAX_AGENT_LENGTH) };
}

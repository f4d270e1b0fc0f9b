import { html } from "hono/html";
import type { AuditEvent, RecordAudit } from "../../shared/audit.ts";
import { ComputeError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/logger.ts";
import type { PersonRecord, PersonStore } from "../auth/person-store.ts";
import type { App } from "../http/app.ts";
import type { Bodies } from "../http/bodies.ts";
import { parseBody, refuseEncoding } from "../http/body.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import { isServerFault, problemResponse } from "../http/problem.ts";
import { type Html, retryAfter, showError } from "./layout.ts";
import { fromOf, type PageContext, type SignedIn, type Visit, type Visits } from "./visits.ts";

type Answer = Response | Promise<Response>;
type Fields = URLSearchParams;

/** A form may carry the whole request of a program. */
const MAX_FORM_BYTES = 16 * 1024;
const FORM_TYPE = "application/x-www-form-urlencoded";

export interface KitParts {
  visits: Visits;
  bodies: Bodies;
  people: PersonStore;
  /** Writes into the audit log. */
  record: RecordAudit;
  urls: Pick<OwnUrls, "originOf">;
  log: Logger;
}

/** What every page does: finds out who visits it, checks its forms, and answers errors with a page. */
export class PageKit {
  constructor(
    private readonly app: App,
    private readonly parts: KitParts,
  ) {}

  get visits(): Visits {
    return this.parts.visits;
  }

  get(path: string, show: (c: PageContext, visit: Visit) => Answer): void {
    this.app.get(path, (c) => this.guard(c, async () => show(c, await this.visits.of(c))));
  }

  /** A page for somebody who is signed in. Everybody else signs in first, and then comes back. */
  getSignedIn(path: string, show: (c: PageContext, visit: SignedIn) => Answer): void {
    this.get(path, (c, visit) => (isSignedIn(visit) ? show(c, visit) : toSignIn(c)));
  }

  /** A form. It is read only if it was made for this browser. */
  post(path: string, take: (c: PageContext, visit: Visit, fields: Fields) => Answer): void {
    this.app.post(path, (c) =>
      this.guard(c, async () => {
        const visit = await this.visits.of(c);
        const fields = await this.fields(c, visit);
        this.visits.checkForm(c, visit, fields.get("form") ?? "");
        return take(c, visit, fields);
      }),
    );
  }

  postSignedIn(path: string, take: (c: PageContext, visit: SignedIn, fields: Fields) => Answer): void {
    this.post(path, (c, visit, fields) => (isSignedIn(visit) ? take(c, visit, fields) : toSignIn(c)));
  }

  /** A request of the script for passkeys: JSON, with the token of the form. Errors are problem documents. */
  postJson(
    path: string,
    take: (c: PageContext, visit: Visit, body: Record<string, unknown>) => Promise<object>,
  ): void {
    this.app.post(path, async (c) => {
      try {
        const visit = await this.visits.of(c);
        using body = await this.read(c, visit);
        const given = parseBody(body.bytes, c.req.raw.headers);
        const fields = given !== null && typeof given === "object" ? given : {};
        const { form = "" } = fields as { form?: unknown };
        this.visits.checkForm(c, visit, String(form));
        return c.json(await take(c, visit, fields as Record<string, unknown>));
      } catch (error) {
        this.report(error);
        return problemResponse(error, Bun.randomUUIDv7());
      }
    });
  }

  /** The field that every form has. */
  formField(visit: Visit): Html {
    return html`<input type="hidden" name="form" value="${this.visits.formToken(visit)}">`;
  }

  /** Where to go after a sign-in: a page of this server, or the portal. */
  placeAfter(c: PageContext, wanted: string | null | undefined): string {
    const origin = this.parts.urls.originOf(c.req.raw);
    if (!wanted?.startsWith("/") || !URL.canParse(wanted, origin)) return "/";
    const url = new URL(wanted, origin);
    // A path that begins with two slashes would be another host.
    const isOurs = url.origin === origin && !url.pathname.startsWith("//");
    return isOurs ? url.pathname + url.search : "/";
  }

  origin(c: PageContext): string {
    return this.parts.urls.originOf(c.req.raw);
  }

  /**
   * Writes down what a person did on a page.
   *
   * @param businessId absent: it concerns the person, and so every business of theirs.
   */
  async record(
    c: PageContext,
    { userId, userName }: PersonRecord,
    what: Pick<AuditEvent, "event" | "of">,
    businessId?: string,
  ): Promise<void> {
    const { people, record } = this.parts;
    const event = { ...what, actor: { kind: "user", userId, userName }, from: fromOf(c).address } as const;
    const all =
      businessId === undefined
        ? (await people.memberships(userId)).map((membership) => membership.businessId)
        : [businessId];
    await Promise.all((all.length === 0 ? [undefined] : all).map((one) => record(one, event)));
  }

  private async fields(c: PageContext, visit: Visit): Promise<Fields> {
    const type = c.req.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
    if (type !== FORM_TYPE) throw new ComputeError("unsupported_media_type", "Send the form of the page.");
    using body = await this.read(c, visit);
    return new URLSearchParams(new TextDecoder().decode(body.bytes));
  }

  private read(c: PageContext, visit: Visit) {
    refuseEncoding(c.req.raw.headers);
    return this.parts.bodies.read(c.req.raw, { owner: visit.session?.userId, maxBytes: MAX_FORM_BYTES });
  }

  private async guard(c: PageContext, answer: () => Answer): Promise<Response> {
    c.header("cache-control", "no-store");
    try {
      return await answer();
    } catch (error) {
      this.report(error);
      const known =
        error instanceof ComputeError
          ? error
          : new ComputeError("internal", "Something went wrong in the server. Its log has the details.");
      return showError(c, known);
    }
  }

  private report(error: unknown): void {
    if (isServerFault(error)) this.parts.log.error("a page failed", { error });
  }
}

export function isSignedIn(visit: Visit): visit is SignedIn {
  return visit.session !== undefined && visit.person !== undefined;
}

/** Sends the browser to the sign-in, and back here after it. */
export function toSignIn(c: PageContext): Response {
  const { pathname, search } = new URL(c.req.url);
  return c.redirect(`/sign-in?${new URLSearchParams({ next: pathname + search })}`, 303);
}

/** The message of an error that the form on a page can be repeated after; throws any other. */
export function formError(c: PageContext, error: unknown): { status: number; error: string } {
  const repeatable = [
    "unauthenticated",
    "invalid_request",
    "forbidden",
    "rate_limited",
    "unavailable",
    "conflict",
  ];
  if (!(error instanceof ComputeError) || !repeatable.includes(error.code)) throw error;
  retryAfter(c, error);
  return { status: error.status, error: error.message };
}

import { createHash } from "node:crypto";

type Answer = Record<string, unknown>;

const identity = {
  userId: "usr_1",
  userName: "anna",
  businessId: "biz_1",
  businessName: "lab",
  role: "member",
  sessionId: `ses_${"0".repeat(26)}`,
};

/** An authorization server that does what a test wants, for what a real one does rarely or slowly. */
export class PlayedOAuth implements AsyncDisposable {
  /** The forms that the token endpoint got, in order. */
  readonly forms: Record<string, string>[] = [];
  /** What the token endpoint answers next; after the last, tokens. */
  readonly errors: (Answer | Response)[] = [];
  device: Answer = {};
  metadata: Answer = {};
  private readonly server: Bun.Server<undefined>;

  constructor() {
    this.server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => this.answer(request) });
  }

  get url(): string {
    return this.server.url.href.replace(/\/$/, "");
  }

  /** What the browser does once the person has allowed it: follows the redirect of the page of the sign-in. */
  async allow(page: string, more: Record<string, string> = {}): Promise<Response> {
    const { searchParams } = new URL(page);
    this.challenge = searchParams.get("code_challenge") ?? undefined;
    const redirect = new URL(searchParams.get("redirect_uri") ?? "");
    const query = { code: "the-code", state: searchParams.get("state") ?? "", iss: this.url, ...more };
    for (const [name, value] of Object.entries(query)) if (value) redirect.searchParams.set(name, value);
    return fetch(redirect);
  }

  private challenge: string | undefined;

  private async answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/.well-known/oauth-authorization-server") return Response.json(this.facts());
    if (pathname === "/oauth/device_authorization") return Response.json(this.begin());
    if (pathname === "/oauth/token") return this.token(Object.fromEntries(await request.formData()) as never);
    if (pathname === "/api/compute/auth/whoami") return Response.json(identity);
    if (pathname === "/api/compute/server/identity") return problem();
    return new Response("nothing is here", { status: 404 });
  }

  private facts(): Answer {
    return {
      issuer: this.url,
      authorization_endpoint: `${this.url}/oauth/authorize`,
      token_endpoint: `${this.url}/oauth/token`,
      device_authorization_endpoint: `${this.url}/oauth/device_authorization`,
      authorization_response_iss_parameter_supported: true,
      ...this.metadata,
    };
  }

  private begin(): Answer {
    return {
      device_code: "the-device-code",
      user_code: "BCDF-GHJK",
      verification_uri: `${this.url}/device`,
      verification_uri_complete: `${this.url}/device?user_code=BCDF-GHJK`,
      expires_in: 600,
      interval: 0.05,
      ...this.device,
    };
  }

  private token(form: Record<string, string>): Response {
    this.forms.push(form);
    const next = this.errors.shift();
    if (next instanceof Response) return next;
    if (next) return Response.json(next, { status: 400 });
    const { code_verifier: verifier } = form;
    const isProven =
      verifier === undefined || createHash("sha256").update(verifier).digest("base64url") === this.challenge;
    if (!isProven) return Response.json({ error: "invalid_grant" }, { status: 400 });
    return Response.json({
      access_token: "the-access-token",
      token_type: "Bearer",
      expires_in: 900,
      refresh_token: "the-refresh-token",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop(true);
  }
}

function problem(): Response {
  const body = { type: "about:blank", title: "Not found", status: 404, code: "not_found" };
  return Response.json(body, { status: 404, headers: { "content-type": "application/problem+json" } });
}

/**
 * The sign-in of the portal: authorization code with PKCE (RFC 6749 §4.1, RFC 7636). The browser's own cookie says who
 * somebody is, so a tab that has no token asks for a code in the background, and no token is ever stored.
 */
const CLIENT_ID = "tanvrit-compute-portal";
const CALLBACK = "/portal/callback";
/** What an attempt keeps until its answer comes, by its state. */
const KEPT = "tanvrit.sign-in.";
const VERIFIER_BYTES = 32;

export interface AccessToken {
  token: string;
  /** Epoch milliseconds, by this browser's clock. */
  expiresAtMs: number;
}

/** The sign-in was refused, for example because somebody pressed "Deny". */
export class SignInError extends Error {
  override name = "SignInError";
}

interface Attempt {
  verifier: string;
  /** Where in the portal to go afterwards. */
  next: string;
}

/**
 * Signs this tab in, before anything is shown. Resolves with undefined if nobody is signed in in this browser. Throws
 * SignInError, or an error of `fetch`.
 */
export async function signIn(): Promise<AccessToken | undefined> {
  if (location.pathname !== CALLBACK) return tokenInBackground();
  const { next, access } = await finishSignIn();
  history.replaceState(null, "", next);
  return access ?? tokenInBackground();
}

/** A token for the person that this browser is signed in as; undefined if nobody is. */
export async function tokenInBackground(signal?: AbortSignal): Promise<AccessToken | undefined> {
  const { url, verifier } = await request({ prompt: "none" });
  // A script of this server's portal gets the address that a page would be led to.
  const headers = { accept: "application/json" };
  const response = await fetch(url, { credentials: "same-origin", headers, signal });
  if (!response.ok || response.redirected) throw new SignInError(await reasonOf(response));
  const { location: place } = (await response.json()) as { location: string };
  const answer = new URL(place);
  const code = answer.searchParams.get("code");
  if (code !== null) return redeem(code, verifier, signal);
  const error = answer.searchParams.get("error");
  if (error === "login_required" || error === "consent_required") return undefined;
  throw new SignInError(`The server refused the sign-in: ${error ?? "it sent no code"}.`);
}

/** Leaves the portal for the server's sign-in page, which leads back to `next`. */
export async function signInOnPage(next: string): Promise<void> {
  const { url, verifier, state } = await request({});
  sessionStorage.setItem(KEPT + state, JSON.stringify({ verifier, next } satisfies Attempt));
  location.assign(url);
}

/** Trades the code in the address of this page for a token. `next`: where to go. */
async function finishSignIn(): Promise<{ next: string; access?: AccessToken }> {
  const answer = new URLSearchParams(location.search);
  const kept = KEPT + (answer.get("state") ?? "");
  const stored = sessionStorage.getItem(kept);
  sessionStorage.removeItem(kept);
  // Somebody loaded the page of an old answer again.
  if (stored === null) return { next: "/" };
  const { verifier, next } = JSON.parse(stored) as Attempt;
  const code = answer.get("code");
  if (code !== null) return { next, access: await redeem(code, verifier) };
  const error = answer.get("error");
  throw new SignInError(
    error === "access_denied" ? "The sign-in was denied." : `The server refused the sign-in: ${error}.`,
  );
}

async function request(extra: Readonly<Record<string, string>>) {
  const verifier = random();
  const state = random();
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const query = new URLSearchParams({
    response_type: "code",
    client_id: CLIENT_ID,
    redirect_uri: location.origin + CALLBACK,
    state,
    code_challenge: base64Url(new Uint8Array(digest)),
    code_challenge_method: "S256",
    ...extra,
  });
  return { url: `/oauth/authorize?${query}`, verifier, state };
}

async function redeem(code: string, verifier: string, signal?: AbortSignal): Promise<AccessToken> {
  const askedAtMs = Date.now();
  const response = await fetch("/oauth/token", {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: CLIENT_ID,
      code,
      code_verifier: verifier,
      redirect_uri: location.origin + CALLBACK,
    }),
    signal,
  });
  if (!response.ok) throw new SignInError(await reasonOf(response));
  const { access_token: token, expires_in: seconds } = (await response.json()) as {
    access_token: string;
    expires_in: number;
  };
  return { token, expiresAtMs: askedAtMs + seconds * 1_000 };
}

async function reasonOf(response: Response): Promise<string> {
  const said = (await response.json().catch(() => ({}))) as { error_description?: string; detail?: string };
  return said.error_description ?? said.detail ?? `The server answered with HTTP ${response.status}.`;
}

function random(): string {
  return base64Url(crypto.getRandomValues(new Uint8Array(VERIFIER_BYTES)));
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

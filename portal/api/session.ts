import { signal } from "@preact/signals";
import { type Credentials, createComputeClient } from "../../sdk/index.ts";
import { type AccessToken, finishSignIn, isCallback, signInOnPage, tokenInBackground } from "./oauth.ts";

/** Renewed this long before its end, so that no request carries a token that ends on its way. */
const MARGIN_MS = 60_000;

let access: AccessToken | undefined;
let renewing: Promise<boolean> | undefined;

/** Whether this tab may go on. `ended`: nobody is signed in in this browser any more. `other`: somebody else is, or in another business. */
export const sessionState = signal<"signed-in" | "ended" | "other">("signed-in");

const credentials: Credentials = {
  async headers() {
    if (!access || access.expiresAtMs - Date.now() < MARGIN_MS) await renew();
    const headers: Record<string, string> = {};
    if (access) headers.authorization = `Bearer ${access.token}`;
    return headers;
  },
  renew,
};

// The person may have signed in in another tab before they come back to this one.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && sessionState.value === "ended") void renew();
});

/** The whole API, signed in as the person of this browser. */
export const compute = createComputeClient({ url: location.origin, credentials, fetch: send });

/**
 * Signs this tab in, before anything is shown. Resolves with false if the browser is on its way to the sign-in page. Throws
 * SignInError, or an error of `fetch`.
 */
export async function enter(): Promise<boolean> {
  if (isCallback()) {
    const { next, access: got } = await finishSignIn();
    history.replaceState(null, "", next);
    access = got;
  }
  access ??= await tokenInBackground();
  if (access) return true;
  await signInAgain();
  return false;
}

/** Leads to the sign-in page, and back to the page that is shown now. */
export function signInAgain(): Promise<void> {
  return signInOnPage(location.pathname + location.search + location.hash);
}

/** Sends a request, and once more if its session has ended and the person has signed in in this browser since then. */
async function send(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (response.status !== 401 || !(await saysEnded(response.clone()))) return response;
  if (!(await renew()) || init.body instanceof ReadableStream) return response;
  const headers = new Headers(init.headers);
  for (const [name, value] of Object.entries(await credentials.headers())) headers.set(name, value);
  return fetch(url, { ...init, headers });
}

async function saysEnded(response: Response): Promise<boolean> {
  const { code } = (await response.json().catch(() => ({}))) as { code?: string };
  return code === "session_ended";
}

/** Gets a new token, once for all requests that need it. Resolves with whether there is one. */
function renew(): Promise<boolean> {
  renewing ??= tokenInBackground()
    .then((got) => {
      const state = !got ? "ended" : access && ownerOf(got) !== ownerOf(access) ? "other" : "signed-in";
      sessionState.value = state;
      if (state === "signed-in") access = got;
      return state === "signed-in";
    })
    // Without a server there is no token; the request itself then says why.
    .catch(() => false)
    .finally(() => {
      renewing = undefined;
    });
  return renewing;
}

/** The person and the business whose token it is. */
function ownerOf({ token }: AccessToken): string {
  const [, claims = ""] = token.split(".");
  const text = atob(claims.replaceAll("-", "+").replaceAll("_", "/"));
  const { userId, businessId } = JSON.parse(text) as { userId: string; businessId: string };
  return `${userId} ${businessId}`;
}

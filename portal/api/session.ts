import { signal } from "@preact/signals";
import { type Credentials, createComputeClient } from "../../sdk/index.ts";
import { type AccessToken, signInOnPage, tokenInBackground } from "./oauth.ts";
import { type Me, me, personOf } from "./whoami.ts";

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
 * Goes on with the sign-in of this tab. Resolves with who is signed in; with undefined if nobody is, and the browser is on
 * its way to the sign-in page. Throws what the sign-in throws.
 */
export async function enter(signingIn: Promise<AccessToken | undefined>): Promise<Me | undefined> {
  const got = await signingIn;
  if (got) return take(got);
  await signInAgain();
  return undefined;
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
      const state = !got ? "ended" : isOther(personOf(got.token)) ? "other" : "signed-in";
      sessionState.value = state;
      if (got && state === "signed-in") take(got);
      return state === "signed-in";
    })
    // Without a server there is no token; the request itself then says why.
    .catch(() => false)
    .finally(() => {
      renewing = undefined;
    });
  return renewing;
}

function take(got: AccessToken): Me {
  access = got;
  const person = personOf(got.token);
  me.value = person;
  return person;
}

/** Whether this is another person than the one of this tab, or the same one in another business. */
function isOther({ userId, businessId }: Me): boolean {
  return me.value !== undefined && (me.value.userId !== userId || me.value.businessId !== businessId);
}

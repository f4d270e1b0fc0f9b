import { wordsOf } from "./grant-store.ts";

/**
 * `openid` asks for an ID token, `profile` and `email` for the person's name and address in it. Every client gets a
 * refresh token, also without `offline_access`. What a client may do is the person's role, not a scope.
 */
export const scopes = ["openid", "profile", "email", "offline_access"] as const;

/** The words of a request that mean something here; others are left out of the grant (RFC 6749 §3.3). */
export function grantedScope(asked: string | null): string[] {
  const known = new Set<string>(scopes);
  return [...new Set(wordsOf(asked ?? ""))].filter((word) => known.has(word));
}

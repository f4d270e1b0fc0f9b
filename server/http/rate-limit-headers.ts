import type { LimitState } from "../auth/key-limits.ts";

/**
 * Says how much of limits is left: `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers), and the
 * `RateLimit-Limit`, `-Remaining` and `-Reset` of its earlier versions, which most clients read, for the limit that is used
 * up first.
 */
export function rateLimitHeaders(limits: readonly LimitState[]): Record<string, string> {
  const [tightest] = limits.toSorted((one, other) => one.remaining - other.remaining);
  if (!tightest) return {};
  return {
    "ratelimit-policy": limits.map(policyItem).join(", "),
    ratelimit: limits.map(stateItem).join(", "),
    "ratelimit-limit": String(tightest.limit),
    "ratelimit-remaining": String(tightest.remaining),
    ...(tightest.resetSeconds !== undefined && { "ratelimit-reset": String(tightest.resetSeconds) }),
  };
}

function policyItem({ policy, limit, windowSeconds }: LimitState): string {
  return `"${policy}";q=${limit}${windowSeconds === undefined ? "" : `;w=${windowSeconds}`}`;
}

function stateItem({ policy, remaining, resetSeconds }: LimitState): string {
  return `"${policy}";r=${remaining}${resetSeconds === undefined ? "" : `;t=${resetSeconds}`}`;
}

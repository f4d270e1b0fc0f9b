import { codeOf } from "../shared/code-of.ts";
import { type EndpointId, wire } from "../shared/endpoints/wire/index.ts";
import type { WireRow } from "../shared/endpoints/wire/wire-row.ts";
import { textOf } from "../shared/text-of.ts";
import { certificateTrouble } from "./certificate-trouble.ts";
import { UnreachableError } from "./errors.ts";

/** Whether the connection, and perhaps the server, ends with this answer. */
export function closes(response: Response): boolean {
  return response.headers.get("connection")?.toLowerCase() === "close";
}

/** Whether the answer leads to another place. A browser says so, and hides everything else. */
export function isRedirect({ status, type }: Response): boolean {
  return type === "opaqueredirect" || (status >= 300 && status < 400);
}

/** The same for every request. */
export const COMMON_INIT = {
  // A token or key that follows a redirect ends up in somebody else's hands.
  redirect: "manual",
  // A browser would send the cookies of the server's pages along.
  credentials: "omit",
  // Runtimes refuse a stream as a body without it.
  duplex: "half",
  // Bun's own limit of five minutes would cut a quiet stream; every request here has a time limit of its own.
  timeout: false,
} as RequestInit;

/** A request by its endpoint's row: JSON in a POST; for a GET or bytes, `{name}` in the path and the rest in the query. */
export function requestOf(
  id: EndpointId,
  input: Record<string, unknown>,
): { path: string; method: string; body?: string } {
  const { method, path, takesBytes }: WireRow = wire[id];
  if (method === "POST" && !takesBytes) return { path, method, body: JSON.stringify(input) };
  const rest = new URLSearchParams();
  const names = new Set<string>();
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    names.add(name);
    return encodeURIComponent(String(input[name]));
  });
  for (const [name, value] of Object.entries(input)) {
    if (value !== undefined && !names.has(name)) rest.set(name, String(value));
  }
  return { path: rest.size > 0 ? `${filled}?${rest}` : filled, method };
}

/** The error for a request that got no answer. */
export function unreachable(url: string, cause: unknown): UnreachableError {
  const trouble = certificateTrouble(cause);
  if (trouble === undefined)
    return new UnreachableError(url, whyUnreachable(cause), { cause, todo: todoOf(url, cause) });
  const todo =
    "If the server has a certificate of its own, sign in with tanvrit-compute auth login, which shows the certificate's fingerprint, or give it with --fingerprint (TANVRIT_FINGERPRINT)";
  return new UnreachableError(url, trouble, { cause, todo, temporary: false });
}

const CHECK_URL = "Check the URL and any proxy in between";

/** The error for an answer that is not of our server. */
export function notOurs(url: string, { status }: Response, why: string): UnreachableError {
  return new UnreachableError(
    url,
    `what answers there (HTTP ${status}) is not a Tanvrit Compute server: ${why}`,
    // A proxy answers with a 5xx of its own while the server behind it restarts.
    { todo: CHECK_URL, temporary: status >= 500 },
  );
}

export function notJson(url: string, cause: unknown): UnreachableError {
  return new UnreachableError(url, "its answer is not JSON", { cause, todo: CHECK_URL });
}

/** The error for an answer that leads to another place. */
export function redirected(url: string, response: Response): UnreachableError {
  const target = response.headers.get("location");
  const todo = "If that is your server, use";
  // A browser hides where a redirect leads to.
  if (target === null || !URL.canParse(target, url))
    return new UnreachableError(url, "it redirects to another place, and nothing was sent there", {
      todo: `${todo} that place as its URL`,
    });
  const place = new URL(target, url).origin;
  return new UnreachableError(
    url,
    `it redirects to ${place} (HTTP ${response.status}), and nothing was sent there`,
    { todo: `${todo} ${place} as its URL` },
  );
}

/** A server that speaks TLS closes a connection on which it gets plain HTTP. */
function todoOf(url: string, cause: unknown): string | undefined {
  const isClosed = CLOSED.includes(codeOf(cause) ?? "");
  if (!isClosed || !url.startsWith("http:")) return undefined;
  return `Check that the server is running there; if it speaks TLS now, sign in again with --url ${url.replace(/^http:/, "https:")}`;
}

const CLOSED = ["ECONNRESET", "ConnectionClosed"];

function whyUnreachable(error: unknown): string {
  const code = codeOf(error);
  if (code === "ConnectionRefused" || code === "ECONNREFUSED") return "the connection was refused";
  if (CLOSED.includes(code ?? "")) return "the connection was closed early";
  if (code === "ENOTFOUND") return "there is no such host";
  if (code === "EPROTO")
    return "it does not speak TLS there, or only a version that we do not support; check whether its URL should begin with http://";
  return textOf(error).trim();
}

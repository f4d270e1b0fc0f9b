import { html, raw } from "hono/html";
import { type ComputeError, errorCodes } from "../../shared/errors.ts";
import { assetPaths, mark } from "./assets.ts";
import type { PageContext } from "./visits.ts";

export type Html = ReturnType<typeof html>;

export interface Page {
  title: string;
  /** What stands below the title. */
  main: Html;
  /** 200 if absent. */
  status?: number;
  /** An error of the form on the page. */
  error?: string | undefined;
  /** Where a form of the page may lead besides this server, as a source of a content security policy. */
  leadsTo?: string | undefined;
  /** Whether it needs the script for passkeys. */
  passkeys?: boolean;
  /** Its content brings its own title and cards; absent: it is one card. */
  isWide?: boolean;
}

const MARK = raw(mark);
/** The policy allows no picture but one that is in the page. */
const ICON = `data:image/svg+xml;base64,${Buffer.from(mark).toString("base64")}`;

/** Answers with a page. Its policy allows the server's own styles and script, and forms to the server alone. */
export function showPage(c: PageContext, page: Page): Response | Promise<Response> {
  const { title, main, status = 200, error, leadsTo, passkeys = false, isWide = false } = page;
  const alert = error === undefined ? "" : html`<p class="error" role="alert">${error}</p>`;
  c.header("content-security-policy", policyOf(leadsTo));
  c.status(status as 200);
  return c.html(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${error === undefined ? "" : "Error: "}${title} – Tanvrit Compute</title>
<link rel="icon" href="${ICON}">
<link rel="stylesheet" href="${assetPaths.styles}">
${passkeys ? html`<script type="module" src="${assetPaths.passkeys}"></script>` : ""}
</head>
<body${isWide ? raw(' class="wide"') : ""}>
<header><a class="brand" href="/">${MARK}Tanvrit Compute</a>${isWide ? html`<a href="/">Back to the portal</a>` : ""}</header>
${
  isWide
    ? html`<main>${alert}${main}</main>`
    : html`<main class="card">
<h1>${title}</h1>
${alert}
${main}
</main>`
}
</body>
</html>`);
}

/** Answers with a page that says what went wrong. */
export function showError(c: PageContext, error: ComputeError): Response | Promise<Response> {
  retryAfter(c, error);
  return showPage(c, {
    title: errorCodes[error.code].title,
    status: error.status,
    main: html`<p role="alert">${error.message}</p>`,
  });
}

/** Says in a header of the answer when to come back. */
export function retryAfter(c: PageContext, { retryAfterSeconds }: ComputeError): void {
  if (retryAfterSeconds !== undefined) c.header("retry-after", String(Math.ceil(retryAfterSeconds)));
}

/** The policy's own word for the place of a redirect. It has none for an IPv6 address, so that gets its scheme. */
export function sourceOf(redirectUri: string): string {
  const { protocol, origin, hostname } = new URL(redirectUri);
  return origin === "null" || hostname.startsWith("[") ? protocol : origin;
}

function policyOf(leadsTo: string | undefined): string {
  return [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "img-src data:",
    "connect-src 'self'",
    `form-action 'self'${leadsTo === undefined ? "" : ` ${leadsTo}`}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

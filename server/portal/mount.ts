import { accepts } from "hono/accepts";
import type { Mount } from "../http/app.ts";
import { openPortal } from "./open-portal.ts";
import type { PortalFile, PortalFiles } from "./pack.ts";

/** The first parts of the paths of the portal's pages; every one of them is the same page, which shows what its path says. */
const PAGES = ["jobs", "submit", "templates", "schedules", "nodes", "credits", "settings", "portal"];
const PAGE = new RegExp(`^/(?:(?:${PAGES.join("|")})(?:/.*)?)?$`);

/** Its scripts and styles come from this server alone, and it talks to nobody else. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Whether a page of the portal is at this path. Links on other sites may lead there. */
export function isPortalPage(path: string): boolean {
  return PAGE.test(path);
}

/** The web app: a page for each kind of path, which all show what the path says, and the scripts and styles below `/portal/assets/`. */
export const mountPortal: Mount = (app) => {
  app.get("/portal/assets/:name", async (c) => {
    const file = (await openPortal()).get(c.req.path);
    return file ? answer(c.req.raw, file, encodingOf(c)) : c.notFound();
  });
  app.get("*", async (c, next) => {
    if (!isPortalPage(c.req.path)) return next();
    const page = pageAt(await openPortal(), c.req.path);
    if (!page) return next();
    const response = answer(c.req.raw, page, encodingOf(c));
    response.headers.set("content-security-policy", POLICY);
    return response;
  });
};

/** The page whose pattern, such as `/jobs/:jobId/:part?`, has this path; any other path gets that of `/`, which says so. */
function pageAt(files: PortalFiles, path: string): PortalFile | undefined {
  const pattern = [...files.keys()].find((one) => patternOf(one).test(path));
  return files.get(pattern ?? "/");
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\/:\w+\?/g, "(?:/[^/]+)?").replaceAll(/:\w+/g, "[^/]+")}/?$`);
}

type Encoding = "br" | "gzip" | "identity";

function encodingOf(c: Parameters<typeof accepts>[0]): Encoding {
  const supports = ["br", "gzip", "identity"];
  return accepts(c, { header: "Accept-Encoding", supports, default: "identity" }) as Encoding;
}

/** RFC 9110 §13.1.2: a browser that has the file already gets 304 without a body. */
function answer(request: Request, file: PortalFile, wanted: Encoding): Response {
  const encoding = file[wanted] ? wanted : "identity";
  const headers = new Headers({
    etag: file.etag,
    vary: "accept-encoding",
    "cache-control": file.isImmutable ? "public, max-age=31536000, immutable" : "no-cache",
  });
  const known = request.headers.get("if-none-match")?.split(",") ?? [];
  if (known.some((tag) => tag.trim().replace(/^W\//, "") === file.etag))
    return new Response(null, { status: 304, headers });
  headers.set("content-type", file.type);
  if (encoding !== "identity") headers.set("content-encoding", encoding);
  return new Response(file[encoding], { headers });
}

import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { secureHeaders } from "hono/secure-headers";
import type { App } from "./app.ts";

const NOTHING = ["'none'"];
/** What a browser may keep of the answer to a preflight. */
const PREFLIGHT_SECONDS = 600;

/**
 * Headers with which a browser makes nothing of an answer but what it is: no page, no frame, no script. A page that needs
 * more brings its own policy. There is no HSTS here: it would bind every other program at the same host name.
 */
export function securityHeaders(): MiddlewareHandler {
  return secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: NOTHING,
      baseUri: NOTHING,
      formAction: NOTHING,
      frameAncestors: NOTHING,
    },
    // With no-referrer, browsers would also hide the origin of the server's own forms.
    referrerPolicy: "same-origin",
    xFrameOptions: "DENY",
    originAgentCluster: false,
    strictTransportSecurity: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
    removePoweredBy: false,
    overwrite: false,
  });
}

/** Lets pages of the allowed origins call the API. They send tokens themselves: cookies are never for them. */
export function allowOrigins(app: App, isPage: (path: string) => boolean): void {
  const allow = cors({
    origin: (origin) => origin,
    allowMethods: ["GET", "POST", "PUT"],
    exposeHeaders: ["x-request-id", "retry-after", "ratelimit", "ratelimit-policy", "content-disposition"],
    maxAge: PREFLIGHT_SECONDS,
  });
  app.use((c, next) => {
    const origin = c.req.header("origin");
    const isAllowed = origin !== undefined && c.env?.names?.allowsOrigin(origin) === true;
    return isAllowed && !isPage(c.req.path) ? allow(c, next) : next();
  });
}

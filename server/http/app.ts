import { Hono } from "hono";
import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { type EndpointId, endpoints } from "../../shared/endpoints/index.ts";
import { ComputeError } from "../../shared/errors.ts";
import { Bodies } from "./bodies.ts";
import { ByteBodies } from "./byte-bodies.ts";
import { CallSockets } from "./call-sockets.ts";
import type { CarryOutParts, HandledRow } from "./carry-out.ts";
import type { Handlers } from "./handler.ts";
import { PathRouter } from "./path-router.ts";
import { isServerFault, problemResponse } from "./problem.ts";
import { allowOrigins, securityHeaders } from "./security-headers.ts";
import { type PeerInfo, requestIdOf, type ServeParts, serve } from "./serve.ts";

export interface AppParts extends CarryOutParts {
  handlers: Handlers;
  /** Whether the store answers; `/readyz` reports it. */
  isReady(): Promise<boolean>;
  /** Routes that are not rows of the endpoint table: the pages, and what OAuth's own standards describe. */
  mounts?: readonly Mount[];
  /** Whether a page for people is at this path. Links on other sites may lead there; absent: there are no pages. */
  isPage?(path: string): boolean;
}

/** Adds routes to the app. Requests reach them after the check of the server's names. */
export type Mount = (app: App) => void;

export type App = Hono<{ Bindings: PeerInfo }>;

/** The whole API: every row of the endpoint table, and the health checks. */
export function createApp(parts: AppParts): App {
  const app: App = new Hono({ router: new PathRouter() });
  const bodies = new Bodies();
  const rows = rowsOf(parts.handlers);
  const sockets = new CallSockets({ ...parts, rows, bodies });
  const serveParts: ServeParts = { ...parts, bodies, byteBodies: new ByteBodies(), sockets };
  const isPage = (path: string) => parts.isPage?.(path) === true;
  app.use(securityHeaders());
  app.get("/healthz", (c) => c.json({ status: "ok" }));
  app.get("/readyz", async (c) => {
    const ready = !parts.stopping.aborted && (await parts.isReady().catch(() => false));
    return c.json({ status: ready ? "ready" : "not ready" }, ready ? 200 : 503);
  });
  // Health probes use any name, and learn nothing. Everything below checks the name first.
  app.use((c, next) => {
    c.env?.names?.check(c.req.raw.headers, c.req.method === "GET" && isPage(c.req.path));
    return next();
  });
  allowOrigins(app, isPage);
  for (const mount of parts.mounts ?? []) mount(app);
  const methodsByPath = new Map<string, string[]>();
  for (const row of rows.values()) {
    const { endpoint } = row;
    for (const path of [endpoint.path, ...(endpoint.aliases ?? [])]) {
      const pattern = path.replaceAll(/\{(\w+)\}/g, ":$1");
      methodsByPath.set(pattern, [...(methodsByPath.get(pattern) ?? []), endpoint.method]);
      app.on(endpoint.method, pattern, async (c) => {
        const params = c.req.param() as Record<string, string>;
        const response = await serve(serveParts, row, c.req.raw, params, c.env);
        // The next request must connect again, and so find out who listens here then.
        if (parts.stopping.aborted) response.headers.set("connection", "close");
        return response;
      });
    }
  }
  for (const [path, methods] of methodsByPath) {
    app.all(path, (c) => {
      const detail = `${c.req.method} is not supported here; use ${methods.join(" or ")}.`;
      const response = problemResponse(
        new ComputeError("method_not_allowed", detail),
        requestIdOf(c.req.raw),
      );
      response.headers.set("allow", methods.join(", "));
      return response;
    });
  }
  app.notFound((c) =>
    problemResponse(new ComputeError("not_found", nothingAt(c.req.path)), requestIdOf(c.req.raw)),
  );
  app.onError((error, c) => {
    if (isServerFault(error)) parts.log.error("a request failed outside its handler", { error });
    return problemResponse(error, requestIdOf(c.req.raw));
  });
  return app;
}

function rowsOf(handlers: Handlers): ReadonlyMap<string, HandledRow> {
  const table = Object.entries(endpoints) as [EndpointId, Endpoint][];
  return new Map(
    table.map(([id, endpoint]) => [
      id,
      { id, endpoint, handler: handlers[id] as unknown as HandledRow["handler"] },
    ]),
  );
}

/** Where releases before the sign-in over a socket sent their requests. */
const FORMER_SIGN_IN = "/api/compute/auth/local/";

function nothingAt(path: string): string {
  return path.startsWith(FORMER_SIGN_IN)
    ? "This tanvrit-compute is older than the server and signs in in a way that no longer works. Use the server's version."
    : `There is nothing at ${path}. The API is below /api/compute/; tanvrit-compute api describes it.`;
}

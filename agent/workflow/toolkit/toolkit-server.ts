import { createHmac, timingSafeEqual } from "node:crypto";
import { Hono } from "hono";
import { jwtVerify } from "jose";
import { textOf } from "../../../shared/text-of.ts";
import { artifactRoutes } from "./artifact-routes.ts";
import type { ArtifactShelf } from "./artifact-shelf.ts";
import { ArtifactProblem } from "./artifact-shelf.ts";
import type { BlockUpload } from "./block-upload.ts";
import { cacheRoutes } from "./cache-routes.ts";
import type { CacheShelf } from "./cache-shelf.ts";
import type { Transfers } from "./transfers.ts";

export interface ToolkitServer {
  /** With a slash at the end: `http://127.0.0.1:34567/`. */
  url: string;
  stop(): Promise<void>;
}

export interface ToolkitParts {
  /** Signs tokens and links. */
  key: Uint8Array;
  artifacts: ArtifactShelf;
  caches: CacheShelf;
}

/** Bun's own limit is lower than a large cache. */
const MAX_BODY_BYTES = 32 * 1024 ** 3;
/** The longest that Bun allows. */
const IDLE_SECONDS = 255;

/**
 * Serves artifacts and caches on loopback, as GitHub's services do for `@actions/artifact` and `@actions/cache`: Twirp with
 * JSON for what they ask, and Azure's blob protocol for bytes. Only for holders of a token of this run.
 */
export function serveToolkit({ key, artifacts, caches }: ToolkitParts): ToolkitServer {
  const app = new Hono();
  const uploads = new Map<string, BlockUpload>();
  const sign = (path: string) => createHmac("sha256", key).update(path).digest("base64url");
  const files = new Map<string, string>();
  let base = "";
  const link = (path: string) => `${base}${path}?sig=${sign(path)}`;
  const transfers: Transfers = {
    uploadUrl: (id, upload) => {
      uploads.set(id, upload);
      return link(`upload/blobs/${id}`);
    },
    upload: (id) => uploads.get(id),
    end: (id) => void uploads.delete(id),
    downloadUrl: (path, name) => {
      const id = crypto.randomUUID();
      files.set(id, path);
      return link(`download/${id}/${encodeURIComponent(name)}`);
    },
  };

  const isSigned = (request: Request): boolean => {
    const { pathname, searchParams } = new URL(request.url);
    const given = Buffer.from(searchParams.get("sig") ?? "");
    const right = Buffer.from(sign(pathname.slice(1)));
    return given.length === right.length && timingSafeEqual(given, right);
  };
  const forApi = async (request: Request): Promise<boolean> => {
    const token = /^Bearer (.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
    return jwtVerify(token, key, { algorithms: ["HS256"] }).then(
      () => true,
      () => false,
    );
  };

  app.use("*", async (context, next) => {
    const isLink = /^\/(upload|download)\//.test(context.req.path);
    const mayPass = isLink ? isSigned(context.req.raw) : await forApi(context.req.raw);
    if (!mayPass)
      return context.json({ code: "unauthenticated", msg: "This token or link is not valid." }, 401);
    return next();
  });
  app.put("/upload/blobs/:id", async (context) => {
    const upload = uploads.get(context.req.param("id"));
    if (!upload) return context.text("There is no such upload.", 404);
    const { body } = context.req.raw;
    const kind = context.req.query("comp");
    if (kind === "block") await upload.putBlock(context.req.query("blockid") ?? "", body);
    else if (kind === "blocklist") await upload.putList(await context.req.text());
    else await upload.putWhole(body);
    return context.body(null, 201, { "x-ms-request-id": crypto.randomUUID(), ETag: '"1"' });
  });
  app.get("/download/:id/:name", (context) => {
    const path = files.get(context.req.param("id"));
    if (path === undefined) return context.text("There is no such file.", 404);
    return sendFile(context.req.raw, path, context.req.param("name"));
  });
  artifactRoutes(app, artifacts, transfers);
  cacheRoutes(app, caches, transfers);
  app.onError((error, context) =>
    error instanceof ArtifactProblem
      ? context.json(
          { code: error.status === 409 ? "already_exists" : "invalid_argument", msg: error.message },
          error.status,
        )
      : context.json({ code: "internal", msg: textOf(error) }, 500),
  );
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: app.fetch,
    idleTimeout: IDLE_SECONDS,
    maxRequestBodySize: MAX_BODY_BYTES,
  });
  base = `http://127.0.0.1:${server.port}/`;
  return {
    url: base,
    async stop() {
      for (const upload of uploads.values()) await upload.remove();
      await server.stop(true);
    },
  };
}

/** The whole file, or the range that is asked for. */
function sendFile(request: Request, path: string, name: string): Response {
  const file = Bun.file(path);
  const headers = {
    "Content-Type": name.endsWith(".zip") ? "application/zip" : "application/octet-stream",
    "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
    "Accept-Ranges": "bytes",
  };
  const asked = /^bytes=(\d+)-(\d*)$/.exec(
    request.headers.get("range") ?? request.headers.get("x-ms-range") ?? "",
  );
  if (!asked) return new Response(file, { headers });
  const first = Number(asked[1]);
  const last = Math.min(asked[2] ? Number(asked[2]) : file.size - 1, file.size - 1);
  if (first > last)
    return new Response(null, { status: 416, headers: { "Content-Range": `bytes */${file.size}` } });
  return new Response(file.slice(first, last + 1), {
    status: 206,
    headers: { ...headers, "Content-Range": `bytes ${first}-${last}/${file.size}` },
  });
}

import type { Hono } from "hono";
import { z } from "zod";
import { BlockUpload } from "./block-upload.ts";
import type { CacheShelf } from "./cache-shelf.ts";
import type { Transfers } from "./transfers.ts";
import { twirpBody } from "./twirp-body.ts";

const SERVICE = "/twirp/github.actions.results.api.v1.CacheService";
/** Of the service before Twirp, which older releases of the client use. */
const OLD = "/_apis/artifactcache";

const entry = z.object({ key: z.string().min(1), version: z.string() });
const lookup = entry.extend({ restore_keys: z.array(z.string()).default([]) });

/** The service behind `@actions/cache`. */
export function cacheRoutes(app: Hono, shelf: CacheShelf, transfers: Transfers): void {
  const begin = (id: number) => transfers.uploadUrl(linkId(id), new BlockUpload(shelf.newPath()));
  const finish = async (id: number): Promise<boolean> => {
    const upload = transfers.upload(linkId(id));
    if (!upload) return false;
    await shelf.finish(id, upload.path);
    transfers.end(linkId(id));
    return true;
  };

  app.post(`${SERVICE}/CreateCacheEntry`, async (context) => {
    const { key, version } = await twirpBody(context, entry);
    const id = shelf.reserve(key, version);
    if (id === undefined) return context.json({ ok: false, message: taken(key) });
    return context.json({ ok: true, signed_upload_url: begin(id) });
  });
  app.post(`${SERVICE}/FinalizeCacheEntryUpload`, async (context) => {
    const { key, version } = await twirpBody(context, entry);
    const id = shelf.reserved(key, version);
    if (id === undefined || !(await finish(id)))
      return context.json({ ok: false, message: "There is no such upload." });
    return context.json({ ok: true, entry_id: String(id) });
  });
  app.post(`${SERVICE}/GetCacheEntryDownloadURL`, async (context) => {
    const { key, restore_keys, version } = await twirpBody(context, lookup);
    const found = shelf.find([key, ...restore_keys], version);
    if (!found) return context.json({ ok: false });
    const url = transfers.downloadUrl(shelf.pathOf(found.id), "cache");
    return context.json({ ok: true, signed_download_url: url, matched_key: found.key });
  });

  app.get(`${OLD}/cache`, (context) => {
    const keys = (context.req.query("keys") ?? "").split(",").filter((key) => key !== "");
    const found = shelf.find(keys, context.req.query("version") ?? "");
    if (!found) return context.body(null, 204);
    const archiveLocation = transfers.downloadUrl(shelf.pathOf(found.id), "cache");
    return context.json({ cacheKey: found.key, scope: "", archiveLocation });
  });
  app.post(`${OLD}/caches`, async (context) => {
    const { key, version } = await twirpBody(context, entry);
    const id = shelf.reserve(key, version);
    if (id === undefined) return context.json({ message: taken(key) }, 409);
    begin(id);
    return context.json({ cacheId: id }, 201);
  });
  app.patch(`${OLD}/caches/:id`, async (context) => {
    const upload = transfers.upload(linkId(Number(context.req.param("id"))));
    const from = /^bytes (\d+)-/.exec(context.req.header("content-range") ?? "")?.[1];
    if (!upload || from === undefined) return context.json({ message: "There is no such upload." }, 404);
    await upload.putRange(Number(from), context.req.raw.body);
    return context.body(null, 204);
  });
  app.post(`${OLD}/caches/:id`, async (context) => {
    const isDone = await finish(Number(context.req.param("id")));
    return isDone ? context.body(null, 204) : context.json({ message: "There is no such upload." }, 404);
  });
}

function linkId(id: number): string {
  return `cache-${id}`;
}

function taken(key: string): string {
  return `There is already a cache with the key ${key}, or another job is saving it.`;
}

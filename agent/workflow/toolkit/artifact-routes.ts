import type { Hono } from "hono";
import { z } from "zod";
import { ArtifactProblem, type ArtifactShelf, type KeptArtifact } from "./artifact-shelf.ts";
import { BlockUpload, digestOf } from "./block-upload.ts";
import type { Transfers } from "./transfers.ts";
import { twirpBody } from "./twirp-body.ts";

const SERVICE = "/twirp/github.actions.results.api.v1.ArtifactService";

const backend = {
  workflow_run_backend_id: z.string().default(""),
  workflow_job_run_backend_id: z.string().default(""),
};
const named = z.object({ ...backend, name: z.string() });
const create = named.extend({ mime_type: z.string().default("application/zip") });
const list = z.object({
  ...backend,
  name_filter: z.string().optional(),
  id_filter: z.coerce.number().optional(),
});

/** The service behind `@actions/artifact`. */
export function artifactRoutes(app: Hono, shelf: ArtifactShelf, transfers: Transfers): void {
  const mimeTypes = new Map<string, string>();

  app.post(`${SERVICE}/CreateArtifact`, async (context) => {
    const { name, mime_type } = await twirpBody(context, create);
    shelf.reserve(name);
    mimeTypes.set(name, mime_type);
    return context.json({
      ok: true,
      signed_upload_url: transfers.uploadUrl(idOf(name), new BlockUpload(shelf.newPath())),
    });
  });
  app.post(`${SERVICE}/FinalizeArtifact`, async (context) => {
    const { name } = await twirpBody(context, named);
    const upload = transfers.upload(idOf(name));
    if (!upload) throw notFound(name);
    const { path } = upload;
    const mimeType = mimeTypes.get(name) ?? "application/zip";
    const artifact = await shelf.finish(name, { path, digest: await digestOf(path), mimeType });
    transfers.end(idOf(name));
    return context.json({ ok: true, artifact_id: String(artifact.id) });
  });
  app.post(`${SERVICE}/ListArtifacts`, async (context) => {
    const { name_filter, id_filter, ...ids } = await twirpBody(context, list);
    const found = shelf
      .list()
      .filter(({ name, id }) => (name_filter ?? name) === name && (id_filter ?? id) === id)
      .map((artifact) => shown(artifact, ids));
    return context.json({ artifacts: found });
  });
  app.post(`${SERVICE}/GetSignedArtifactURL`, async (context) => {
    const { name } = await twirpBody(context, named);
    const artifact = shelf.find(name);
    if (!artifact) throw notFound(name);
    const fileName = artifact.mimeType === "application/zip" ? `${name}.zip` : name;
    return context.json({ signed_url: transfers.downloadUrl(shelf.pathOf(artifact), fileName) });
  });
  app.post(`${SERVICE}/DeleteArtifact`, async (context) => {
    const { name } = await twirpBody(context, named);
    const artifact = shelf.delete(name);
    if (!artifact) throw notFound(name);
    return context.json({ ok: true, artifact_id: String(artifact.id) });
  });
}

function shown({ id, name, size, createdAt, digest }: KeptArtifact, ids: Record<string, string>): object {
  return { ...ids, database_id: String(id), name, size: String(size), created_at: createdAt, digest };
}

/** A name in a link. */
function idOf(name: string): string {
  return Buffer.from(name).toString("base64url");
}

function notFound(name: string): ArtifactProblem {
  return new ArtifactProblem(`This run has no artifact named ${JSON.stringify(name)}.`, 404);
}

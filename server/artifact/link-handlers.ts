import { ComputeError } from "../../shared/errors.ts";
import type { FileEntry } from "../../shared/files/tree.ts";
import { newId } from "../../shared/ids.ts";
import { parseInputSource } from "../../shared/job-files.ts";
import { userOf } from "../http/callers.ts";
import type { Handlers, RequestContext } from "../http/handler.ts";
import { isoTime } from "../http/iso-time.ts";
import type { Ownership } from "../http/ownership.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { ArtifactService } from "./artifact-service.ts";
import type { ArtifactRecord } from "./artifact-store.ts";
import { artifactView } from "./artifact-view.ts";
import { type AttachParts, attachFile } from "./attach-file.ts";
import { readParts } from "./blob-reader.ts";
import { rangeOf } from "./byte-range.ts";
import type { Link, Links } from "./links.ts";
import { findEntry, pageOfTree } from "./tree-pages.ts";

export interface LinkHandlerParts {
  service: ArtifactService;
  stores: AttachParts;
  links: Links;
  ownership: Ownership;
  findJob(businessId: string, jobId: string): Promise<JobRecord | undefined>;
  /** How long attached files are kept; undefined: until somebody deletes them. */
  keepMs: number | undefined;
  /** The URL that others use for this server, if it is not the one of the request. */
  publicUrl: string | undefined;
}

type LinkHandlers = Pick<
  Handlers,
  "artifacts.presign-upload" | "artifacts.presign-download" | "artifacts.upload" | "artifacts.download"
>;

const UPLOAD = "/api/compute/artifacts/upload";
const DOWNLOAD = "/api/compute/artifacts/download";

/** Presigned URLs: to make them, and to use them. */
export function linkHandlers(parts: LinkHandlerParts): LinkHandlers {
  const uploading = new Set<string>();
  return {
    "artifacts.presign-upload": async ({ jobId, name, size, sha256, expiresInSeconds }, context) => {
      const { businessId, userId } = userOf(context);
      const job = await jobOf(parts, businessId, jobId);
      await parts.ownership.require(userOf(context), "artifacts.change-others", async () => {
        return { what: `Job ${jobId}`, ownerId: job.userId };
      });
      await parts.stores.quota.check(businessId, size);
      const id = newId("art");
      const expires = expiryOf(parts, expiresInSeconds);
      const link: Link = { method: "PUT", jobId, id, businessId, path: name, size, sha256, userId, expires };
      const query = { name, size, sha256, user: userId };
      return { artifactId: id, ...signed(parts, context, UPLOAD, link, query) };
    },
    "artifacts.presign-download": async ({ jobId, artifactId, path, expiresInSeconds }, context) => {
      const { businessId } = userOf(context);
      const artifact = await ofJob(parts, await jobOf(parts, businessId, jobId), artifactId);
      const { size, sha256 } = await fileOf(parts, artifact, path);
      const expires = expiryOf(parts, expiresInSeconds);
      const link = downloadLink({ jobId, id: artifactId, businessId, path, size, expires });
      return { ...signed(parts, context, DOWNLOAD, link, { path, size }), size, sha256 };
    },
    "artifacts.upload": async (input, { signal }, body) => {
      const { jobId, id, business: businessId, name, size, sha256, user: userId, expires } = input;
      const link: Link = { method: "PUT", jobId, id, businessId, path: name, size, sha256, userId, expires };
      parts.links.check(link, input.signature, parts.stores.now());
      await jobOf(parts, businessId, jobId);
      await refuseSecond(parts, businessId, id);
      if (uploading.has(id))
        throw new ComputeError("conflict", "The file of this link is being sent by somebody right now.");
      const { keepMs } = parts;
      const expiresAtMs = keepMs === undefined ? undefined : parts.stores.now() + keepMs;
      const file = { artifactId: id, businessId, userId, jobId, name, expiresAtMs, size, sha256 };
      uploading.add(id);
      try {
        return { artifact: artifactView(await attachFile(parts.stores, file, body, signal)) };
      } finally {
        uploading.delete(id);
      }
    },
    "artifacts.download": async (input, { range: header }) => {
      const { jobId, id, business: businessId, path, size, expires } = input;
      const link = downloadLink({ jobId, id, businessId, path, size, expires });
      parts.links.check(link, input.signature, parts.stores.now());
      const artifact = await ofJob(parts, await jobOf(parts, businessId, jobId), id);
      const file = await fileOf(parts, artifact, path);
      const range = rangeOf(header, file.size);
      const { from, to } = range ?? { from: 0, to: file.size };
      const digests = file.parts ?? (file.size > 0 ? [file.sha256] : []);
      return {
        status: range ? 206 : 200,
        headers: {
          ...fileHeaders(path === undefined ? artifact.name : file.path, file.sha256),
          ...(range && { "content-range": `bytes ${from}-${to - 1}/${file.size}` }),
        },
        bytes: to - from,
        chunks: readParts(parts.stores, businessId, digests, { from, to }),
      };
    },
  };
}

/** A link to fetch a file that is known: neither its digest nor who made the link matters. */
function downloadLink(facts: Omit<Link, "method" | "sha256" | "userId">): Link {
  return { ...facts, method: "GET", sha256: undefined, userId: undefined };
}

function expiryOf({ stores }: LinkHandlerParts, seconds: number): number {
  return Math.ceil(stores.now() / 1_000) + seconds;
}

function signed(
  { links, publicUrl }: LinkHandlerParts,
  { origin }: RequestContext,
  base: string,
  link: Link,
  fields: Readonly<Record<string, string | number | undefined>>,
) {
  const query = new URLSearchParams();
  const { businessId: business, expires } = link;
  for (const [name, value] of Object.entries({ ...fields, business, expires, signature: links.sign(link) }))
    if (value !== undefined) query.set(name, String(value));
  const url = `${publicUrl ?? origin}${base}/${link.jobId}/${link.id}?${query}`;
  return { method: link.method, url, expiresAt: isoTime(expires * 1_000) };
}

async function jobOf({ findJob }: LinkHandlerParts, businessId: string, jobId: string): Promise<JobRecord> {
  const job = await findJob(businessId, jobId);
  if (job) return job;
  throw new ComputeError("not_found", `There is no job ${jobId} in this business.`);
}

/** The artifact, if it comes from the job or is one of its inputs. */
async function ofJob(
  { service }: LinkHandlerParts,
  { businessId, jobId, manifest }: JobRecord,
  artifactId: string,
): Promise<ArtifactRecord> {
  const artifact = await service.retrieve(businessId, artifactId);
  const isInput = () =>
    manifest.inputs?.some(({ from }) => {
      const source = parseInputSource(from);
      return source.kind === "artifact" && source.artifactId === artifactId;
    });
  if (artifact.jobId === jobId || isInput()) return artifact;
  throw new ComputeError("not_found", `Artifact ${artifactId} does not belong to job ${jobId}.`);
}

/** The only file of the artifact, or the one at the path. */
async function fileOf(
  { stores }: LinkHandlerParts,
  artifact: ArtifactRecord,
  path: string | undefined,
): Promise<FileEntry> {
  if (path === undefined && artifact.type === "directory") {
    const message = "must name a file, because the artifact is a directory";
    throw new ComputeError("invalid_request", `path: ${message}`, { errors: [{ path: "path", message }] });
  }
  const entry =
    path === undefined
      ? (await pageOfTree(stores, artifact, { limit: 1 })).entries[0]
      : await findEntry(stores, artifact, path);
  if (entry?.type === "file") return entry;
  const what = entry
    ? `${path} in artifact ${artifact.artifactId} is a ${entry.type}, not a file`
    : undefined;
  throw new ComputeError("not_found", `${what ?? `Artifact ${artifact.artifactId} has no file ${path}`}.`);
}

async function refuseSecond({ stores }: LinkHandlerParts, businessId: string, id: string): Promise<void> {
  const [existing] = await stores.artifacts.find(businessId, [id]);
  if (!existing) return;
  throw new ComputeError("conflict", `The file of this link was already sent: it is artifact ${id}.`);
}

/** A browser saves the file and never shows it, whatever is in it. */
function fileHeaders(path: string, sha256: string): Record<string, string> {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, "_");
  const exact = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return {
    "content-disposition": `attachment; filename="${plain}"; filename*=UTF-8''${exact}`,
    "content-security-policy": "sandbox",
    "x-content-type-options": "nosniff",
    "accept-ranges": "bytes",
    etag: `"${sha256}"`,
  };
}

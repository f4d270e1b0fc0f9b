import type { StoredTree } from "../../shared/artifact.ts";
import { ComputeError } from "../../shared/errors.ts";
import { treeLine } from "../../shared/files/tree-line.ts";
import type { BlobStore } from "../blob/blob-store.ts";
import type { IncomingBytes } from "../http/byte-bodies.ts";
import type { ArtifactRecord, ArtifactStore } from "./artifact-store.ts";
import { checkTree } from "./check-tree.ts";
import { PartsWriter, type StoredContent } from "./parts-writer.ts";
import type { Quota } from "./quota.ts";

const DRAFT_MS = 3_600_000;
/** As `touch` makes them. */
const FILE_MODE = 0o644;

export interface AttachParts {
  artifacts: ArtifactStore;
  blobs: Pick<BlobStore, "create" | "delete" | "read">;
  quota: Quota;
  now: () => number;
}

/** The artifact to make of one file, and what the file must be. */
export type FileToAttach = Pick<
  ArtifactRecord,
  "artifactId" | "businessId" | "userId" | "jobId" | "name" | "expiresAtMs"
> & { size: number; sha256: string | undefined };

/**
 * Makes an artifact of a file as it comes. Throws `forbidden` and makes none if the file has another size or digest than
 * it must have.
 */
export async function attachFile(
  parts: AttachParts,
  file: FileToAttach,
  body: IncomingBytes,
  signal: AbortSignal,
): Promise<ArtifactRecord> {
  if (body.announced !== undefined && body.announced !== file.size)
    throw wrongSize(file.size, body.announced);
  const release = await parts.quota.reserve(file.businessId, file.size);
  try {
    return await record(parts, file, await store(parts, file, body), signal);
  } finally {
    release();
  }
}

async function store(parts: AttachParts, file: FileToAttach, body: IncomingBytes): Promise<StoredTree> {
  const writer = new PartsWriter(parts, file.businessId);
  try {
    const content = await writer.write(noMoreThan(file.size, body));
    if (content.size !== file.size) throw wrongSize(file.size, content.size);
    if (file.sha256 !== undefined && content.sha256 !== file.sha256)
      throw new ComputeError(
        "forbidden",
        `The link is for a file with the digest ${file.sha256}, but what was sent has ${content.sha256}. Nothing was stored.`,
      );
    const tree = await writer.write([Buffer.from(lineOf(file.name, content, parts.now()))]);
    await writer.finish();
    return tree;
  } finally {
    await writer.abort();
  }
}

async function record(
  parts: AttachParts,
  { size, sha256, ...file }: FileToAttach,
  tree: StoredTree,
  signal: AbortSignal,
): Promise<ArtifactRecord> {
  const { artifacts, now } = parts;
  const { artifactId, businessId } = file;
  await artifacts.begin({ artifactId, businessId, tree, expiresAtMs: now() + DRAFT_MS });
  const { files, bytes, missing } = await checkTree(parts, businessId, { type: "file", tree, signal });
  const made: ArtifactRecord = {
    ...file,
    kind: "attached",
    type: "file",
    tree,
    files,
    bytes,
    executionId: undefined,
    attempt: undefined,
    createdAtMs: now(),
  };
  if (missing.length === 0 && (await artifacts.insert(made))) return made;
  throw new ComputeError(
    "unavailable",
    "The upload took so long that the server gave it up. Send it again.",
    {
      retryAfterSeconds: 1,
    },
  );
}

function lineOf(path: string, { sha256, size, parts }: StoredContent, mtimeMs: number): string {
  const isOnePart = parts.length < 2;
  return treeLine({
    type: "file",
    path,
    mode: FILE_MODE,
    mtimeMs,
    size,
    sha256,
    ...(!isOnePart && { parts }),
  });
}

async function* noMoreThan(size: number, body: IncomingBytes): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > size) throw wrongSize(size, bytes);
    yield chunk;
  }
}

function wrongSize(size: number, actual: number): ComputeError {
  return new ComputeError(
    "forbidden",
    `The link is for a file of ${size} bytes, but the request has ${actual > size ? `${actual} or more` : actual}. Nothing was stored.`,
  );
}

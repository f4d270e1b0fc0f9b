import { z } from "zod";
import { sha256 } from "./files/digest.ts";
import { fileLimits } from "./files/file-limits.ts";
import { artifactId, executionId, jobId } from "./ids.ts";
import { timestamp } from "./timestamp.ts";

/**
 * The stored tree of an artifact: the text of `TreeReader`, kept in blobs like the content of a file. An artifact with the
 * same tree is the same files.
 */
export const storedTree = z
  .strictObject({
    sha256,
    /** Bytes of the tree's text; 0 for an empty directory. */
    size: z.int().min(0),
    /** The digests of its parts, in order; a single part has the digest of the whole. */
    parts: z.array(sha256),
  })
  .refine(({ size, parts }) => parts.length === Math.ceil(size / fileLimits.partBytes), {
    error: `must have a part for every ${fileLimits.partBytes} bytes of size`,
    path: ["parts"],
  });
export type StoredTree = z.infer<typeof storedTree>;

/** The blobs that hold the text of the tree, in order. */
export function blobsOfStoredTree({ size, parts }: StoredTree): { sha256: string; bytes: number }[] {
  const { partBytes } = fileLimits;
  return parts.map((digest, i) => ({ sha256: digest, bytes: Math.min(partBytes, size - i * partBytes) }));
}

/**
 * Where an artifact comes from. `upload`: `artifact upload`. `input`: files sent with a job. `output`: collected after an
 * attempt of a job. `attached`: sent by a presigned link.
 */
export const artifactKind = z.enum(["upload", "input", "output", "attached"]);
export type ArtifactKind = z.infer<typeof artifactKind>;

/** Files that the server keeps under one id: a single file, or a directory with everything in it. */
export const artifact = z.object({
  artifactId,
  businessId: z.string(),
  kind: artifactKind,
  /** For people: the name of the file or directory. */
  name: z.string(),
  /** `file`: the tree is one file, which may be placed under another name. */
  type: z.enum(["file", "directory"]),
  tree: storedTree,
  /** The number of files, without directories and links. */
  files: z.int().min(0),
  /** The sizes of all files together. */
  bytes: z.int().min(0),
  /** Only if `kind` is output or attached. */
  jobId: jobId.optional(),
  executionId: executionId.optional(),
  attempt: z.int().min(1).optional(),
  userId: z.string().optional(),
  createdAt: timestamp,
  /** It may be removed after this, unless a job, a schedule or a template needs it; absent: it is kept. */
  expiresAt: timestamp.optional(),
});
export type Artifact = z.infer<typeof artifact>;

/** The digests in one request. */
export const digestList = z.array(sha256).min(1).max(fileLimits.maxBlobsPerRequest);

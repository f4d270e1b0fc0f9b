import { z } from "zod";
import { artifact, artifactKind, digestList, storedTree } from "../artifact.ts";
import { sha256 } from "../files/digest.ts";
import { fileLimits } from "../files/file-limits.ts";
import { pathProblem } from "../files/path.ts";
import { treeEntry } from "../files/tree.ts";
import { artifactId, executionId, jobId } from "../ids.ts";
import { timestamp } from "../timestamp.ts";
import { trashOutput } from "../trash.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";
import { artifactWire } from "./wire/artifact.ts";

const MAX_TTL_SECONDS = 100 * 365 * 24 * 3_600;
const MAX_LINK_SECONDS = 7 * 24 * 3_600;
const DEFAULT_LINK_SECONDS = 900;
const MAX_DELETED = 1_000;

/** The name of a file or directory: one name, without a slash. */
const artifactName = z.string().superRefine((name, context) => {
  const problem = name.includes("/") ? "must not contain a slash" : pathProblem(name);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

const expiresInSeconds = z.int().min(1).max(MAX_LINK_SECONDS).default(DEFAULT_LINK_SECONDS);

/** A URL that is its own credential, until `expiresAt`. */
const signedLink = {
  method: z.enum(["PUT", "GET"]),
  url: z.string(),
  expiresAt: timestamp,
};

/** What a signed URL has in its query besides what it is about. */
const signedQuery = {
  /** Epoch seconds. */
  expires: z.coerce.number().int().min(0),
  business: z.string().max(100),
  signature: z.string().max(100),
};

/** Files that are kept on the server, and the blobs that they are made of. */
export const artifactEndpoints = defineEndpoints(artifactWire, {
  "artifacts.missing": {
    right: "artifacts.write",
    summary: "Which of these blobs the server does not have. The others are kept for the upload to come.",
    input: z.strictObject({ digests: digestList }),
    output: z.object({ missing: z.array(sha256) }),
    afterLogout: true,
  },
  "artifacts.upload-blobs": {
    right: "artifacts.write",
    summary:
      "Send blobs. The body is a pack: for each blob its SHA-256 digest (32 bytes), its length (8 bytes, big-endian), its bytes.",
    input: z.strictObject({}),
    output: z.object({
      /** The number of blobs in the pack. */
      stored: z.int().min(1),
    }),
    afterLogout: true,
  },
  "artifacts.read-blobs": {
    right: "artifacts.read",
    summary: "Blobs of this business as a pack, in the order of the digests.",
    input: z.strictObject({ digests: digestList }),
    output: z.unknown(),
    afterLogout: true,
  },
  "artifacts.create": {
    right: "artifacts.write",
    summary:
      "Keep files whose blobs were sent. Answers with the artifact, or with blobs to send before the same call works.",
    input: z.strictObject({
      name: artifactName,
      /** Of a node always `output`, of a user never. */
      kind: artifactKind.exclude(["attached"]),
      type: artifact.shape.type,
      tree: storedTree,
      /** How long it is kept; absent: as long as the server keeps artifacts of this kind. */
      ttlSeconds: z.int().min(1).max(MAX_TTL_SECONDS).optional(),
      /** The attempt that the outputs come from; only and always for `output`. */
      executionId: executionId.optional(),
    }),
    output: z.object({ artifact: artifact.optional(), missing: z.array(sha256).optional() }),
    afterLogout: true,
  },
  "artifacts.list": {
    right: "artifacts.read",
    summary: "List artifacts, newest first: all, or those of a job or kind.",
    input: z.strictObject({ ...pageInput, jobId: jobId.optional(), kind: artifactKind.optional() }),
    output: z.object({ artifacts: z.array(artifact), ...pageOutput }),
  },
  "artifacts.retrieve": {
    right: "artifacts.read",
    summary: "One artifact.",
    input: z.strictObject({ artifactId }),
    output: artifact,
  },
  "artifacts.files": {
    right: "artifacts.read",
    summary: "The files, directories and links of an artifact, in the order of their paths.",
    input: z.strictObject({ ...pageInput, artifactId }),
    output: z.object({ entries: z.array(treeEntry), ...pageOutput }),
  },
  "artifacts.delete": {
    right: "artifacts.write",
    othersRight: "artifacts.change-others",
    summary: "Delete artifacts. Jobs that need one of them can no longer get it.",
    input: z.strictObject({ artifactIds: z.array(artifactId).min(1).max(MAX_DELETED) }),
    output: z.object({
      /** Those that existed. */
      deleted: z.array(artifactId),
      ...trashOutput,
    }),
  },
  "artifacts.presign-upload": {
    right: "artifacts.write",
    othersRight: "artifacts.change-others",
    summary: "A URL to which anyone can send one file, which is then attached to the job.",
    input: z.strictObject({
      jobId,
      /** Of the file. */
      name: artifactName,
      /** Bytes. */
      size: z.int().min(0).max(fileLimits.maxFileBytes),
      /** Of the file; other content is then refused. */
      sha256: sha256.optional(),
      expiresInSeconds,
    }),
    output: z.object({
      /** The artifact that the upload makes; it does not exist before. */
      artifactId,
      ...signedLink,
    }),
  },
  "artifacts.presign-download": {
    right: "artifacts.read",
    summary: "A URL from which anyone can read a file of an artifact of the job.",
    input: z.strictObject({
      jobId,
      artifactId,
      /** Of the file in the artifact; not needed if the artifact is a single file. */
      path: z.string().min(1).max(fileLimits.maxPathBytes).optional(),
      expiresInSeconds,
    }),
    output: z.object({
      ...signedLink,
      /** Of the file. */
      size: z.int().min(0),
      sha256,
    }),
  },
  "artifacts.upload": {
    summary: "Send the file of a presigned URL. The URL is the credential.",
    input: z.strictObject({
      jobId,
      id: artifactId,
      name: artifactName,
      size: z.coerce.number().int().min(0),
      sha256: sha256.optional(),
      user: z.string().max(100),
      ...signedQuery,
    }),
    output: z.object({ artifact }),
  },
  "artifacts.download": {
    summary: "The file of a presigned URL. The URL is the credential. Answers to a Range of bytes.",
    input: z.strictObject({
      jobId,
      id: artifactId,
      path: z.string().optional(),
      size: z.coerce.number().int().min(0),
      ...signedQuery,
    }),
    output: z.unknown(),
  },
});

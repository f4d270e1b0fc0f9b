import type { Artifact } from "../shared/artifact.ts";
import type { EndpointInput, EndpointOutput } from "../shared/endpoints/index.ts";
import type { TreeEntry } from "../shared/files/tree.ts";
import type { ComputeClient } from "./client.ts";
import { type BlobFile, blobReader, treeOfBlobs } from "./files/dropped-files.ts";
import type { UploadOptions } from "./files/upload-tree.ts";
import { type ListFilter, type ListOptions, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";
import { uploadArtifact } from "./upload-artifact.ts";

export interface UploadFilesOptions extends Omit<UploadOptions, "onProblem">, Patience {
  /** `input` if the files are for one job; default: `upload`. The server may keep each kind for another time. */
  kind?: "upload" | "input";
  /** Default: the name of a single file, else `files`. */
  name?: string;
  /** How long it is kept. Default: as long as the server keeps artifacts of this kind. */
  ttlSeconds?: number;
}

export type ArtifactFilter = ListFilter<"artifacts.list">;
/** A URL to which a file can be sent with PUT, and the artifact that this makes. */
export type UploadLink = EndpointOutput<"artifacts.presign-upload">;
/** A URL from which a file can be read with GET. */
export type DownloadLink = EndpointOutput<"artifacts.presign-download">;

/**
 * Artifacts: the files that were sent with jobs, that jobs left, and that people keep on the server.
 *
 * @example
 * for await (const { path, type } of compute.artifacts.files(artifactId)) console.log(type, path);
 * const { artifactId } = await compute.artifacts.uploadFiles([{ path: "data.csv", blob: new Blob(["a,b"]) }]);
 * const { url } = await compute.artifacts.presignDownload({ jobId, artifactId, path: "dist/app.tar" });
 */
export class Artifacts {
  constructor(private readonly client: ComputeClient) {}

  /** Lists artifacts, newest first. */
  list(filter: ArtifactFilter = {}, options: Patience = {}): AsyncGenerator<Artifact, void, void> {
    const { limit, ...where } = filter;
    return walkPages(this.client, { ...options, limit }, async (call) => {
      const { artifacts, nextCursor } = await call("artifacts.list", where);
      return { rows: artifacts, nextCursor };
    });
  }

  /** Throws `not_found` if there is no such artifact. */
  get(artifactId: string, options: Patience = {}): Promise<Artifact> {
    return callPatiently(this.client, "artifacts.retrieve", { artifactId }, options);
  }

  /** Lists the files, directories and links of an artifact in the order of their paths. Throws `not_found`. */
  files(artifactId: string, options: ListOptions = {}): AsyncGenerator<TreeEntry, void, void> {
    return walkPages(this.client, options, async (call) => {
      const { entries, nextCursor } = await call("artifacts.files", { artifactId });
      return { rows: entries, nextCursor };
    });
  }

  /**
   * Uploads files, of which only what the server lacks is sent, and makes an artifact of them. Its id in `from` of an input,
   * as `artifact:art_…`, gives them to a job. An upload that was cut goes on where it stopped when it is repeated. Throws
   * FileError for a path that cannot be, and for a file that changed meanwhile; and `quota_exceeded`.
   */
  async uploadFiles(files: readonly BlobFile[], options: UploadFilesOptions = {}): Promise<Artifact> {
    const { kind = "upload", ...rest } = options;
    const tree = treeOfBlobs(files);
    return (await uploadArtifact(this.client, tree, blobReader, { ...rest, kind })).artifact;
  }

  /** Deletes artifacts. Returns the ids of those that existed. */
  async delete(artifactIds: string[], options: Patience = {}): Promise<string[]> {
    return (await callPatiently(this.client, "artifacts.delete", { artifactIds }, options)).deleted;
  }

  /** Makes a link with which anyone can attach one file to a job. Throws `not_found` and `quota_exceeded`. */
  presignUpload(
    file: EndpointInput<"artifacts.presign-upload">,
    options: Patience = {},
  ): Promise<UploadLink> {
    return callPatiently(this.client, "artifacts.presign-upload", file, options);
  }

  /** Makes a link with which anyone can read one file of an artifact of a job. Throws `not_found`. */
  presignDownload(
    file: EndpointInput<"artifacts.presign-download">,
    options: Patience = {},
  ): Promise<DownloadLink> {
    return callPatiently(this.client, "artifacts.presign-download", file, options);
  }
}

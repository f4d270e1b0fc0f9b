import type { StoredTree } from "../../shared/artifact.ts";
import { ComputeError } from "../../shared/errors.ts";
import { fileLimits } from "../../shared/files/file-limits.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import { blobsOf, type FileEntry, type TreeEntry, TreeError, TreeReader } from "../../shared/files/tree.ts";
import { GARBAGE_OF_TREE, leaveGarbage } from "../../shared/garbage.ts";
import { Turns } from "../../shared/turns.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import { type BlobParts, readParts } from "./blob-reader.ts";

const EMPTY = sha256Of(new Uint8Array(0));
/** Chunks of a tree are parsed in pieces of this size, so that other requests get a turn in between. */
const PIECE_BYTES = 64 * 1024;

export interface CheckParts extends BlobParts {
  artifacts: Pick<ArtifactStore, "findBlobs" | "touchBlobs">;
  now: () => number;
}

export interface CheckedTree {
  files: number;
  bytes: number;
  /** Blobs to send first; not all of them if there are many. Then the counts mean nothing. */
  missing: string[];
}

/**
 * Reads the tree, touches all its blobs, and checks that they have the sizes that the tree says. Throws
 * `invalid_request` if the tree cannot be used.
 */
export async function checkTree(
  parts: CheckParts,
  businessId: string,
  { type, tree, signal }: { type: "file" | "directory"; tree: StoredTree; signal: AbortSignal },
): Promise<CheckedTree> {
  try {
    return await new TreeCheck(parts, businessId, type, tree).run(signal);
  } catch (error) {
    throw error instanceof TreeError ? invalidTree(error.message) : error;
  }
}

/** A blob that the tree needs, and the first path that needs it. */
interface Needed {
  sha256: string;
  bytes: number;
  path: string;
}

class TreeCheck {
  private readonly missing = new Set<string>();
  private needed: Needed[] = [];
  private entries = 0;
  private files = 0;
  private bytes = 0;

  constructor(
    private readonly parts: CheckParts,
    private readonly businessId: string,
    private readonly type: "file" | "directory",
    private readonly tree: StoredTree,
  ) {}

  async run(signal: AbortSignal): Promise<CheckedTree> {
    const { tree, businessId } = this;
    this.needed = blobsOfTree(tree);
    await this.touchNeeded();
    if (this.missing.size > 0) return this.result();
    const reader = new TreeReader();
    const hash = new Bun.CryptoHasher("sha256");
    const turns = new Turns();
    for await (const chunk of readParts(this.parts, businessId, tree.parts, { from: 0, to: tree.size })) {
      hash.update(chunk);
      for (let i = 0; i < chunk.length; i += PIECE_BYTES) {
        for (const entry of reader.push(chunk.subarray(i, i + PIECE_BYTES))) this.add(entry);
        if (this.needed.length >= fileLimits.maxBlobsPerRequest) await this.touchNeeded();
        leaveGarbage(PIECE_BYTES * GARBAGE_OF_TREE);
        await turns.next();
        signal.throwIfAborted();
      }
      if (this.missing.size >= fileLimits.maxBlobsPerRequest) return this.result();
    }
    reader.end();
    if (hash.digest("hex") !== tree.sha256)
      throw new TreeError("its parts do not have the digest tree.sha256");
    if (this.type === "file" && (this.entries !== 1 || this.files !== 1))
      throw new TreeError("the tree of an artifact of the type file must have one file and nothing else");
    await this.touchNeeded();
    return this.result();
  }

  private result(): CheckedTree {
    const missing = [...this.missing].slice(0, fileLimits.maxBlobsPerRequest);
    return { files: this.files, bytes: this.bytes, missing };
  }

  private add(entry: TreeEntry): void {
    this.entries++;
    if (entry.type !== "file") return;
    this.files++;
    this.bytes += entry.size;
    checkEmpty(entry);
    for (const { sha256, bytes } of blobsOf(entry)) this.needed.push({ sha256, bytes, path: entry.path });
  }

  private async touchNeeded(): Promise<void> {
    const { needed } = this;
    this.needed = [];
    const { maxBlobsPerRequest } = fileLimits;
    for (let i = 0; i < needed.length; i += maxBlobsPerRequest)
      await this.touch(needed.slice(i, i + maxBlobsPerRequest));
  }

  private async touch(needed: readonly Needed[]): Promise<void> {
    const { artifacts, now } = this.parts;
    const digests = needed.map((one) => one.sha256);
    const sizes = await artifacts.touchBlobs(this.businessId, digests, now());
    for (const [i, { sha256, bytes, path }] of needed.entries()) {
      const actual = sizes[i];
      if (actual === undefined) this.missing.add(sha256);
      else if (actual !== bytes)
        throw new TreeError(
          `${path}: the tree says that blob ${sha256} has ${bytes} bytes, but it has ${actual}`,
        );
    }
  }
}

/** The blobs that the text of the tree is in. Throws TreeError if its size does not fit its parts. */
function blobsOfTree({ size, parts, sha256 }: StoredTree): Needed[] {
  const { partBytes, maxTreeBytes } = fileLimits;
  if (size > maxTreeBytes)
    throw new TreeError(`it has ${size} bytes; it must not have more than ${maxTreeBytes}`);
  const wanted = Math.ceil(size / partBytes);
  if (parts.length !== wanted)
    throw new TreeError(`a tree of ${size} bytes must have ${wanted} parts, not ${parts.length}`);
  if (wanted === 0 && sha256 !== EMPTY) throw new TreeError(`an empty tree has the digest ${EMPTY}`);
  if (wanted === 1 && parts[0] !== sha256)
    throw new TreeError("its only part must have the digest tree.sha256");
  return parts.map((part, i) => ({
    sha256: part,
    bytes: Math.min(partBytes, size - i * partBytes),
    path: "tree",
  }));
}

function checkEmpty({ path, size, sha256 }: FileEntry): void {
  if (size === 0 && sha256 !== EMPTY) throw new TreeError(`${path}: an empty file has the digest ${EMPTY}`);
}

function invalidTree(message: string): ComputeError {
  return new ComputeError("invalid_request", `The tree cannot be used: ${message}.`, {
    errors: [{ path: "tree", message }],
  });
}

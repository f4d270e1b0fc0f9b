import type { BlobSource } from "../../../agent/files/fetch-batch.ts";
import type { StoredTree } from "../../../shared/artifact.ts";
import { ComputeError } from "../../../shared/errors.ts";
import { fileLimits } from "../../../shared/files/file-limits.ts";
import { packHeader } from "../../../shared/files/pack.ts";
import { comparePaths } from "../../../shared/files/path.ts";
import { sha256Of } from "../../../shared/files/sha256.ts";
import type { TreeEntry } from "../../../shared/files/tree.ts";
import { treeLine } from "../../../shared/files/tree-line.ts";
import { newId } from "../../../shared/ids.ts";
import type { PlacedInput } from "../../../shared/node.ts";

/** A server's store of files in memory. The test decides what goes wrong. */
export class PlayedBlobs implements BlobSource {
  /** How often each blob was sent. */
  readonly sent = new Map<string, number>();
  /** Called before each answer. */
  onRead: (sha256s: readonly string[], signal?: AbortSignal) => Promise<void> | void = () => {};
  /** Changes the bytes of an answer. */
  spoil: (pack: Uint8Array) => Uint8Array = (pack) => pack;
  private readonly blobs = new Map<string, Uint8Array>();

  /** Stores a directory: file contents by path, `null` for an empty directory, `-> target` for a link. */
  input(files: Record<string, string | Uint8Array | null>, more: Partial<PlacedInput> = {}): PlacedInput {
    const entries = Object.entries(files).map(([path, content]) => this.entry(path, content));
    for (const path of parentsOf(Object.keys(files))) {
      if (!(path in files)) entries.push({ type: "directory", path, mode: 0o755 });
    }
    entries.sort((a, b) => comparePaths(a.path, b.path));
    const tree = this.tree(new TextEncoder().encode(entries.map(treeLine).join("")));
    return { to: ".", artifactId: newId("art"), type: "directory", tree, field: "inputs.0.from", ...more };
  }

  async *read(sha256s: readonly string[], signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    await this.onRead(sha256s, signal);
    signal?.throwIfAborted();
    const pieces = sha256s.flatMap((sha256) => {
      const content = this.blobs.get(sha256);
      if (!content) throw new ComputeError("not_found", `There is no blob ${sha256}.`);
      this.sent.set(sha256, (this.sent.get(sha256) ?? 0) + 1);
      return [packHeader(sha256, content.length), content];
    });
    yield this.spoil(Buffer.concat(pieces));
  }

  fetch<T>(step: (files: PlayedBlobs) => Promise<T>): Promise<T> {
    return step(this);
  }

  remove(content: string): void {
    this.blobs.delete(sha256Of(new TextEncoder().encode(content)));
  }

  private entry(path: string, content: string | Uint8Array | null): TreeEntry {
    if (content === null) return { type: "directory", path, mode: 0o755 };
    if (typeof content === "string" && content.startsWith("-> "))
      return { type: "link", path, target: content.slice(3) };
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const parts = this.store(bytes);
    const [mode, mtimeMs] = [0o644, 1_700_000_000_000];
    const sha256 = sha256Of(bytes);
    return {
      type: "file",
      path,
      mode,
      mtimeMs,
      size: bytes.length,
      sha256,
      ...(parts.length > 1 ? { parts } : {}),
    };
  }

  private tree(text: Uint8Array): StoredTree {
    return { sha256: sha256Of(text), size: text.length, parts: this.store(text) };
  }

  private store(bytes: Uint8Array): string[] {
    const parts: string[] = [];
    for (let at = 0; at < bytes.length; at += fileLimits.partBytes) {
      const part = bytes.slice(at, at + fileLimits.partBytes);
      this.blobs.set(sha256Of(part), part);
      parts.push(sha256Of(part));
    }
    return parts;
  }
}

function parentsOf(paths: readonly string[]): Set<string> {
  const parents = new Set<string>();
  for (const path of paths) {
    const names = path.split("/");
    for (let count = 1; count < names.length; count++) parents.add(names.slice(0, count).join("/"));
  }
  return parents;
}

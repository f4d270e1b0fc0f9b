import type { StoredTree } from "../../shared/artifact.ts";
import type { EndpointInput } from "../../shared/endpoints/index.ts";
import { fileLimits } from "../../shared/files/file-limits.ts";
import { packHeader } from "../../shared/files/pack.ts";
import { PackReader } from "../../shared/files/pack-reader.ts";
import { comparePaths } from "../../shared/files/path.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import type { TreeEntry } from "../../shared/files/tree.ts";
import { treeLine } from "../../shared/files/tree-line.ts";
import { type Api, type As, headersOf, readProblem } from "./api.ts";

/** Files by path. A path that ends in a slash is a directory. */
export type Files = Readonly<Record<string, string | Uint8Array>>;

/** A pack with these blobs, in this order. */
export function packOf(...contents: (string | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  return Buffer.concat(
    contents.map((content) => {
      const bytes = Buffer.from(content as Uint8Array);
      return Buffer.concat([packHeader(sha256Of(bytes), bytes.length), bytes]);
    }),
  );
}

/** The blobs of a pack, as text. */
export function textsOfPack(pack: Uint8Array): string[] {
  const reader = new PackReader();
  const texts: string[] = [];
  let content: Uint8Array[] = [];
  for (const piece of reader.push(pack)) {
    if (piece.kind === "content") content.push(piece.content);
    if (piece.kind !== "end") continue;
    texts.push(Buffer.concat(content).toString());
    content = [];
  }
  reader.end();
  return texts;
}

export function partsOf(content: Uint8Array): Uint8Array[] {
  const count = Math.ceil(content.length / fileLimits.partBytes);
  return Array.from({ length: count }, (_, i) =>
    content.subarray(i * fileLimits.partBytes, (i + 1) * fileLimits.partBytes),
  );
}

export function entriesOf(files: Files): TreeEntry[] {
  const entries = Object.entries(files).map(([path, content]): TreeEntry => {
    if (path.endsWith("/")) return { type: "directory", path: path.slice(0, -1), mode: 0o755 };
    const bytes = Buffer.from(content as Uint8Array);
    const parts = partsOf(bytes).map(sha256Of);
    const file = { type: "file" as const, path, mode: 0o644, size: bytes.length, sha256: sha256Of(bytes) };
    return parts.length > 1 ? { ...file, parts } : file;
  });
  return entries.sort((a, b) => comparePaths(a.path, b.path));
}

/** A stored tree, and the blobs it is in. */
export function storedTreeOf(text: string | Uint8Array): { tree: StoredTree; blobs: Uint8Array[] } {
  const bytes = Buffer.from(text as Uint8Array);
  const blobs = partsOf(bytes);
  return { tree: { sha256: sha256Of(bytes), size: bytes.length, parts: blobs.map(sha256Of) }, blobs };
}

/** Sends the files and their tree, and resolves with the tree. */
export async function sendFiles(api: Api, as: As, files: Files): Promise<StoredTree> {
  const { tree, blobs } = storedTreeOf(entriesOf(files).map(treeLine).join(""));
  const contents = Object.values(files).flatMap((content) => partsOf(Buffer.from(content as Uint8Array)));
  for (const blob of [...contents, ...blobs]) await sendPack(api, as, packOf(blob));
  return tree;
}

/** Sends a pack that must be accepted. */
export async function sendPack(api: Api, as: As, pack: Uint8Array<ArrayBuffer>): Promise<number> {
  const answer = await api.send("artifacts.upload-blobs", pack, as);
  if (answer.status !== 200)
    throw new Error(`the pack was refused: ${JSON.stringify(await readProblem(answer))}`);
  return ((await answer.json()) as { stored: number }).stored;
}

type CreateInput = EndpointInput<"artifacts.create">;

/** Sends files and makes an artifact of them. */
export async function sendArtifact(
  api: Api,
  as: As,
  files: Files,
  input: Partial<Omit<CreateInput, "tree">> = {},
) {
  const tree = await sendFiles(api, as, files);
  const wanted = { name: "files", kind: "upload" as const, type: "directory" as const, tree, ...input };
  const { artifact } = await api.call("artifacts.create", wanted, as);
  if (!artifact) throw new Error("the server lacks blobs that it was sent");
  return artifact;
}

/** The blobs with these digests, as text. */
export async function readBlobs(api: Api, as: As, digests: string[]): Promise<string[]> {
  const answer = await api.fetch("/api/compute/artifacts/blobs/read", {
    method: "POST",
    headers: { "content-type": "application/json", ...headersOf(as) },
    body: JSON.stringify({ digests }),
  });
  if (answer.status !== 200)
    throw new Error(`cannot read blobs: ${JSON.stringify(await readProblem(answer))}`);
  return textsOfPack(await answer.bytes());
}

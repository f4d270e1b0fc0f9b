import { ComputeError } from "../../shared/errors.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import { blobsOf, type TreeEntry, TreeError, TreeReader } from "../../shared/files/tree.ts";
import {
  type ArtifactStore,
  type BlobKey,
  type BlobPlace,
  packKey,
  type ScannedArtifact,
} from "../artifact/artifact-store.ts";
import { readParts } from "../artifact/blob-reader.ts";
import { type BlobStore, MissingObjectError } from "../blob/blob-store.ts";
import { faultOfPack } from "../blob/whole-pack.ts";
import type { Fault } from "./integrity-store.ts";

const ARTIFACTS_PER_SCAN = 200;
const BLOBS_PER_LOOK = 1_000;
const OBJECTS_PER_LIST = 1_000;
/** Trees that are known to be whole; many jobs may have the same input. */
const MAX_KNOWN_TREES = 100_000;
/** Faults of one artifact that are named. */
const NAMED = 3;

export interface FilesToCheck {
  artifacts: Pick<ArtifactStore, "scanArtifacts" | "find" | "scanBlobs" | "findBlobs" | "deleteBlobs">;
  blobs: BlobStore;
}

export interface FilesCheck {
  artifacts: number;
  /** Packs at the place of files. */
  packs: number;
  /** Some of them. */
  faults: Fault[];
  /** Blobs whose content is lost, and that the index forgot. Only if asked for. */
  forgotten?: number;
}

export interface FilesCheckOptions {
  deep: boolean;
  maxFaults: number;
  /** Lets the index forget lost content, so that a client that sends the same files again sends it again. */
  forgetLost?: boolean | undefined;
}

/**
 * Looks whether every artifact has all its content, and with `deep` whether all of it has its digest. Artifacts may come
 * and go meanwhile.
 */
export async function checkFiles(
  files: FilesToCheck,
  { deep, maxFaults, forgetLost = false }: FilesCheckOptions,
): Promise<FilesCheck> {
  const check = new Check(files, deep);
  const found: FilesCheck = { artifacts: 0, packs: await check.listPacks(), faults: [] };
  let afterId: string | undefined;
  do {
    const page = await files.artifacts.scanArtifacts(afterId, ARTIFACTS_PER_SCAN);
    for (const artifact of page.filter(({ isDraft }) => !isDraft)) {
      found.artifacts++;
      if (found.faults.length >= maxFaults) continue;
      const detail = await check.faultOf(artifact);
      if (detail !== undefined) found.faults.push({ id: artifact.artifactId, detail });
    }
    afterId = page.length < ARTIFACTS_PER_SCAN ? undefined : page.at(-1)?.artifactId;
  } while (afterId !== undefined);
  if (forgetLost) found.forgotten = await check.forgetLost();
  return found;
}

interface Needed {
  sha256: string;
  bytes: number;
  /** For people: the file, or the list of files. */
  what: string;
}

class Check {
  /** Bytes of each pack. */
  private readonly sizes = new Map<string, number>();
  /** What is wrong with a pack; undefined if every blob in it has its digest. Only if `deep`. */
  private readonly packFaults = new Map<string, string | undefined>();
  private readonly wholeTrees = new Set<string>();

  constructor(
    private readonly files: FilesToCheck,
    private readonly deep: boolean,
  ) {}

  /** Resolves with their number. */
  async listPacks(): Promise<number> {
    let afterKey: string | undefined;
    do {
      const page = await this.files.blobs.list(afterKey, OBJECTS_PER_LIST);
      for (const { key, bytes } of page) this.sizes.set(key, bytes);
      afterKey = page.length < OBJECTS_PER_LIST ? undefined : page.at(-1)?.key;
    } while (afterKey !== undefined);
    return this.sizes.size;
  }

  /** Looks at every blob, because what is in a lost list of files cannot be known. Resolves with the number of the lost. */
  async forgetLost(): Promise<number> {
    const { artifacts } = this.files;
    let forgotten = 0;
    let after: BlobKey | undefined;
    do {
      const page = await artifacts.scanBlobs(after, Number.MAX_SAFE_INTEGER, BLOBS_PER_LOOK);
      for (const [businessId, blobs] of Map.groupBy(page.old, (blob) => blob.businessId)) {
        const places = await artifacts.findBlobs(
          businessId,
          blobs.map(({ sha256 }) => sha256),
        );
        const lost: string[] = [];
        for (const place of places) if (await this.faultAt(businessId, place)) lost.push(place.sha256);
        if (lost.length > 0)
          forgotten += await artifacts.deleteBlobs(businessId, lost, Number.MAX_SAFE_INTEGER);
      }
      after = page.next;
    } while (after !== undefined);
    return forgotten;
  }

  /** What is wrong with an artifact, for people. */
  async faultOf(artifact: ScannedArtifact): Promise<string | undefined> {
    const { businessId, tree, artifactId } = artifact;
    const name = `${businessId}/${tree.sha256}`;
    if (this.wholeTrees.has(name)) return undefined;
    const faults = await this.faultsOfTree(artifact);
    if (faults.length === 0) {
      if (this.wholeTrees.size < MAX_KNOWN_TREES) this.wholeTrees.add(name);
      return undefined;
    }
    // It may have been removed while this looked.
    if ((await this.files.artifacts.find(businessId, [artifactId])).length === 0) return undefined;
    const more = faults.length > NAMED ? `, and ${faults.length - NAMED} more` : "";
    return faults.slice(0, NAMED).join("; ") + more;
  }

  private async faultsOfTree({ businessId, tree }: ScannedArtifact): Promise<string[]> {
    const what = "its list of files";
    const ofTree = await this.faultsOf(
      businessId,
      tree.parts.map((sha256) => ({ sha256, bytes: 1, what })),
    );
    if (ofTree.length > 0) return ofTree.slice(0, 1);
    const faults: string[] = [];
    let needed: Needed[] = [];
    const flush = async () => {
      faults.push(...(await this.faultsOf(businessId, needed)));
      needed = [];
    };
    try {
      for await (const entry of this.entriesOf(businessId, tree)) {
        if (entry.type !== "file") continue;
        needed.push(...blobsOf(entry).map((blob) => ({ ...blob, what: entry.path })));
        if (needed.length >= BLOBS_PER_LOOK) await flush();
      }
    } catch (error) {
      if (error instanceof TreeError) return [`${what} is damaged: ${error.message}`];
      // It was there a moment ago: the artifact has been removed.
      if (error instanceof ComputeError && error.code === "not_found") return [`${what} is gone`];
      throw error;
    }
    await flush();
    return faults;
  }

  private async *entriesOf(businessId: string, tree: ScannedArtifact["tree"]): AsyncGenerator<TreeEntry> {
    const reader = new TreeReader();
    const range = { from: 0, to: tree.size };
    for await (const chunk of readParts(this.files, businessId, tree.parts, range)) yield* reader.push(chunk);
    reader.end();
  }

  private async faultsOf(businessId: string, needed: readonly Needed[]): Promise<string[]> {
    const faults: string[] = [];
    for (let i = 0; i < needed.length; i += BLOBS_PER_LOOK) {
      const some = needed.slice(i, i + BLOBS_PER_LOOK);
      const places = await this.files.artifacts.findBlobs(businessId, [
        ...new Set(some.map(({ sha256 }) => sha256)),
      ]);
      const byDigest = new Map(places.map((place) => [place.sha256, place]));
      for (const { sha256, what } of some) {
        const place = byDigest.get(sha256);
        const fault = place ? await this.faultAt(businessId, place) : `the store has no blob ${sha256}`;
        if (fault !== undefined) faults.push(`${what}: ${fault}`);
      }
    }
    return faults;
  }

  private async faultAt(businessId: string, place: BlobPlace): Promise<string | undefined> {
    const key = packKey(businessId, place.packId);
    const { place: where } = this.files.blobs;
    const size = this.sizes.get(key) ?? (await this.sizeIfNew(key, place));
    if (size === undefined) return `the pack ${key} is missing from ${where}`;
    if (size < place.offset + place.bytes) return `the pack ${key} in ${where} is too short: ${size} bytes`;
    if (!this.deep) return undefined;
    if (!this.packFaults.has(key)) {
      this.packFaults.set(key, await faultOfPack(this.files.blobs, { key, bytes: size }));
    }
    // Other blobs of a damaged pack may be as they were.
    if (this.packFaults.get(key) === undefined || (await this.isWhole(key, place))) return undefined;
    return `its content in the pack ${key} is damaged`;
  }

  /** Packs that came after the list was made are short-lived here: only their end counts. */
  private async sizeIfNew(key: string, { offset, bytes }: BlobPlace): Promise<number | undefined> {
    const end = offset + bytes;
    try {
      for await (const _ of this.files.blobs.read(key, end - 1, 1));
      return end;
    } catch (error) {
      if (error instanceof MissingObjectError) return undefined;
      throw error;
    }
  }

  private async isWhole(key: string, { sha256, offset, bytes }: BlobPlace): Promise<boolean> {
    const chunks = await Array.fromAsync(this.files.blobs.read(key, offset, bytes));
    return sha256Of(Buffer.concat(chunks)) === sha256;
  }
}

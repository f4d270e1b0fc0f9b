import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import type { BlobStore, ObjectWriter } from "../blob/blob-store.ts";
import { type ArtifactStore, type BlobPlace, packKey } from "./artifact-store.ts";

export interface PackParts {
  artifacts: Pick<ArtifactStore, "beginPack" | "finishPack" | "forgetPacks">;
  blobs: Pick<BlobStore, "create" | "delete">;
  now: () => number;
}

/** Writes one pack as an object, and records its blobs once the object is durable. Call `finish` or `abort` at the end. */
export class PackWriter {
  private readonly places: BlobPlace[] = [];
  private isWritten = false;

  private constructor(
    private readonly parts: PackParts,
    private readonly businessId: string,
    private readonly packId: string,
    private readonly object: ObjectWriter,
  ) {}

  static async begin(parts: PackParts, businessId: string): Promise<PackWriter> {
    const packId = newId("pack");
    const key = packKey(businessId, packId);
    await parts.artifacts.beginPack(businessId, packId, parts.now());
    try {
      return new PackWriter(parts, businessId, packId, await parts.blobs.create(key));
    } catch (error) {
      await forget(parts, key);
      throw error;
    }
  }

  get blobs(): number {
    return this.places.length;
  }

  /** Notes where the content of a blob is: `offset` bytes after the beginning of what is written. */
  place(sha256: string, bytes: number, offset: number): void {
    this.places.push({ sha256, bytes, packId: this.packId, offset });
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.object.write(chunk);
  }

  /** Throws `unavailable` if it took so long that the server has given the pack up. */
  async finish(): Promise<void> {
    const { parts, businessId, packId, places } = this;
    this.isWritten = true;
    await this.object.finish();
    // If this fails, the blobs may be recorded nevertheless, so the object stays until the collector has looked.
    if (await parts.artifacts.finishPack(businessId, packId, places, parts.now())) return;
    await parts.blobs.delete([packKey(businessId, packId)]);
    const detail = "The upload took so long that the server gave it up. Send it again.";
    throw new ComputeError("unavailable", detail, { retryAfterSeconds: 1 });
  }

  /** Leaves nothing behind. Does nothing after `finish`. Never rejects. */
  async abort(): Promise<void> {
    if (this.isWritten) return;
    await this.object.abort();
    await forget(this.parts, packKey(this.businessId, this.packId));
  }
}

async function forget({ artifacts }: PackParts, key: string): Promise<void> {
  // If this fails too, the collector does it.
  await artifacts.forgetPacks([key]).catch(() => undefined);
}

import { fileLimits } from "../../shared/files/file-limits.ts";
import { PACK_HEADER_BYTES, packHeader } from "../../shared/files/pack.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import { type PackParts, PackWriter } from "./pack-writer.ts";

/** A pack is finished once it has as many bytes, so that a long upload never has one that is old. */
const FULL_BYTES = 16 * 1024 * 1024;
/** How often all blobs so far are touched, because the collector does not know yet who needs them. */
const TOUCH_MS = 30 * 60_000;

export interface PartsWriterParts extends PackParts {
  artifacts: PackParts["artifacts"] & Pick<ArtifactStore, "touchBlobs">;
}

/** Content as it is stored: its digest, its length, and the digests of its parts. */
export interface StoredContent {
  sha256: string;
  size: number;
  parts: string[];
}

/** Splits content into parts and stores those that are new, in packs. Holds one part in memory. */
export class PartsWriter {
  private pack: { writer: PackWriter; bytes: number } | undefined;
  private readonly digests = new Set<string>();
  private touchedAtMs: number;

  constructor(
    private readonly parts: PartsWriterParts,
    private readonly businessId: string,
  ) {
    this.touchedAtMs = parts.now();
  }

  /** Stores one content. It is not durable before `finish`. */
  async write(content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<StoredContent> {
    const hash = new Bun.CryptoHasher("sha256");
    const part = Buffer.allocUnsafeSlow(fileLimits.partBytes);
    const parts: string[] = [];
    let [size, used] = [0, 0];
    for await (const chunk of content) {
      hash.update(chunk);
      size += chunk.length;
      for (let rest = chunk; rest.length > 0; ) {
        const taken = rest.subarray(0, part.length - used);
        part.set(taken, used);
        used += taken.length;
        rest = rest.subarray(taken.length);
        if (used < part.length) continue;
        parts.push(await this.store(part));
        used = 0;
      }
    }
    if (used > 0) parts.push(await this.store(part.subarray(0, used)));
    return { sha256: hash.digest("hex"), size, parts };
  }

  /** All content is durable. */
  async finish(): Promise<void> {
    const { pack } = this;
    this.pack = undefined;
    await pack?.writer.finish();
  }

  /** Gives up what is not durable yet. What is belongs to nobody, and the collector removes it. */
  async abort(): Promise<void> {
    await this.pack?.writer.abort();
    this.pack = undefined;
  }

  private async store(content: Uint8Array): Promise<string> {
    const sha256 = sha256Of(content);
    await this.touchAll();
    if (this.digests.has(sha256)) return sha256;
    this.digests.add(sha256);
    const { artifacts, now } = this.parts;
    const [bytes] = await artifacts.touchBlobs(this.businessId, [sha256], now());
    if (bytes !== undefined) return sha256;
    this.pack ??= { writer: await PackWriter.begin(this.parts, this.businessId), bytes: 0 };
    const { pack } = this;
    pack.writer.place(sha256, content.length, pack.bytes + PACK_HEADER_BYTES);
    await pack.writer.write(packHeader(sha256, content.length));
    await pack.writer.write(content);
    pack.bytes += PACK_HEADER_BYTES + content.length;
    if (pack.bytes >= FULL_BYTES) await this.finish();
    return sha256;
  }

  private async touchAll(): Promise<void> {
    const { artifacts, now } = this.parts;
    if (now() - this.touchedAtMs < TOUCH_MS) return;
    this.touchedAtMs = now();
    const digests = [...this.digests];
    for (let i = 0; i < digests.length; i += fileLimits.maxBlobsPerRequest)
      await artifacts.touchBlobs(this.businessId, digests.slice(i, i + fileLimits.maxBlobsPerRequest), now());
  }
}

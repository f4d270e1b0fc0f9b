import { bytesText } from "../../shared/bytes-text.ts";
import { ComputeError } from "../../shared/errors.ts";
import type { ArtifactStore } from "./artifact-store.ts";

/** How many bytes of files a business may keep; undefined: as many as fit. */
export type QuotaOf = (businessId: string) => number | undefined;

/** Keeps a business within its quota, also while several uploads are on their way. */
export class Quota {
  /** Bytes that were announced and are not stored yet, by business. */
  private readonly coming = new Map<string, number>();

  constructor(
    private readonly artifacts: Pick<ArtifactStore, "usedBytes">,
    private readonly limitOf: QuotaOf,
  ) {}

  /** Throws `quota_exceeded` if so many bytes more are too many. */
  async check(businessId: string, bytes: number): Promise<void> {
    const limit = this.limitOf(businessId);
    if (limit === undefined) return;
    const used = await this.artifacts.usedBytes(businessId);
    if (used + (this.coming.get(businessId) ?? 0) + bytes <= limit) return;
    throw new ComputeError(
      "quota_exceeded",
      `This business may keep ${bytesText(limit)} of files. It has ${bytesText(used)}, and ${bytesText(bytes)} more do not fit. Delete artifacts that nobody needs, or ask the owner of the server for more room. What was deleted counts until the server has cleaned up.`,
    );
  }

  /** Like `check`, and counts the bytes until the returned function is called. */
  async reserve(businessId: string, bytes: number): Promise<() => void> {
    await this.check(businessId, bytes);
    this.coming.set(businessId, (this.coming.get(businessId) ?? 0) + bytes);
    return () => {
      const left = (this.coming.get(businessId) ?? 0) - bytes;
      if (left > 0) this.coming.set(businessId, left);
      else this.coming.delete(businessId);
    };
  }
}

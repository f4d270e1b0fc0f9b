import { bytesText } from "../../shared/bytes-text.ts";
import { ComputeError } from "../../shared/errors.ts";
import type { ArtifactStore } from "./artifact-store.ts";

/** How many bytes of files businesses may keep; undefined: as many as fit. */
export interface QuotaLimits {
  maxBytes: number | undefined;
  /** For particular businesses, by their id. */
  maxBytesOf: ReadonlyMap<string, number>;
}

/** Keeps a business within its quota, also while several uploads are on their way. */
export class Quota {
  /** Bytes that were announced and are not stored yet, by business. */
  private readonly coming = new Map<string, number>();

  constructor(
    private readonly artifacts: Pick<ArtifactStore, "usedBytes">,
    private readonly limits: QuotaLimits,
    /** Called when a business may not keep more. */
    private readonly onExceeded: () => void = () => undefined,
  ) {}

  /** Throws `quota_exceeded` if so many bytes more are too many. */
  async check(businessId: string, bytes: number): Promise<void> {
    (await this.reserve(businessId, bytes))();
  }

  /** Like `check`, and counts the bytes until the returned function is called. */
  async reserve(businessId: string, bytes: number): Promise<() => void> {
    const limit = this.limits.maxBytesOf.get(businessId) ?? this.limits.maxBytes;
    if (limit !== undefined) {
      const used = await this.artifacts.usedBytes(businessId);
      if (used + this.comingTo(businessId) + bytes > limit) {
        this.onExceeded();
        throw exceeded(limit, used, bytes);
      }
    }
    // No wait between the comparison and this, so that uploads that come together see each other.
    this.coming.set(businessId, this.comingTo(businessId) + bytes);
    return () => {
      const left = this.comingTo(businessId) - bytes;
      if (left > 0) this.coming.set(businessId, left);
      else this.coming.delete(businessId);
    };
  }

  private comingTo(businessId: string): number {
    return this.coming.get(businessId) ?? 0;
  }
}

function exceeded(limit: number, used: number, bytes: number): ComputeError {
  return new ComputeError(
    "quota_exceeded",
    `This business may keep ${bytesText(limit)} of files. It has ${bytesText(used)}, and ${bytesText(bytes)} more do not fit. Delete artifacts that nobody needs, or ask the owner of the server for more room. What was deleted counts until the server has cleaned up.`,
  );
}

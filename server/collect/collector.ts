import type { Logger } from "../../shared/logger.ts";
import { Turns } from "../../shared/turns.ts";
import type { ArtifactStore, BlobKey } from "../artifact/artifact-store.ts";
import { type BlobStore, SWEEP_AFTER_MS } from "../blob/blob-store.ts";
import { type ExpiryParts, expireArtifacts } from "./expiry.ts";
import { Marks } from "./marks.ts";

export interface CollectorParts extends ExpiryParts {
  artifacts: ArtifactStore;
  blobs: Pick<BlobStore, "read" | "delete" | "list" | "sweep">;
  log: Logger;
  /** Never jumps. */
  monotonicMs: () => number;
  /** How long files that belong to nothing are left alone: GRACE_MS, except in tests. */
  graceMs: number;
}

/** Time for a client to upload the files of an artifact; more than all clocks differ and than TOUCH_EVERY_MS. */
export const GRACE_MS = 24 * 3_600_000;

const ARTIFACTS_AT_ONCE = 200;
const BLOBS_AT_ONCE = 500;
const PACKS_AT_ONCE = 100;
const OBJECTS_AT_ONCE = 500;
/** The wall clock was set if it is this far from the monotonic clock. */
const JUMP_MS = 60_000;

/** What a collection has removed. */
export interface Collected {
  artifacts: number;
  blobs: number;
  packs: number;
}

/**
 * Removes files that nothing needs any more. Each method is a generator of small steps: between two of them other work has
 * its turn, and the caller may stop at any step. A server that dies in the middle leaves nothing that the next collection
 * would not finish. ArtifactStore says why nothing is lost that is needed.
 */
export class Collector {
  constructor(private readonly parts: CollectorParts) {}

  expire(collected: Collected): AsyncGenerator<void, void, void> {
    return expireArtifacts(this.parts, collected);
  }

  /** Removes the blobs and packs that belong to nothing. Stops early if the clock is set meanwhile. */
  async *sweep(collected: Collected): AsyncGenerator<void, void, void> {
    const { now, monotonicMs, graceMs, log } = this.parts;
    const [startMs, startCount] = [now(), monotonicMs()];
    const isClockSteady = () => Math.abs(now() - startMs - (monotonicMs() - startCount)) < JUMP_MS;
    const marks = yield* this.mark();
    for (let after: BlobKey | undefined; ; ) {
      if (!isClockSteady()) {
        log.warn("the clock was set while files that nothing needs were looked for; they are removed later");
        return;
      }
      const { old, next } = await this.parts.artifacts.scanBlobs(after, startMs - graceMs, BLOBS_AT_ONCE);
      const garbage = old.filter((key) => !marks.isNeeded(key));
      for (const [businessId, keys] of Map.groupBy(garbage, (key) => key.businessId)) {
        const digests = keys.map((key) => key.sha256);
        collected.blobs += await this.parts.artifacts.deleteBlobs(businessId, digests, startMs - graceMs);
      }
      yield;
      if (!next) break;
      after = next;
    }
    yield* this.removePacks(collected, startMs - graceMs);
    yield* this.removeLeftovers();
  }

  /** Takes the time first: what is begun after that is not seen here, but touched later. */
  private async *mark(): AsyncGenerator<void, Marks, void> {
    const { artifacts } = this.parts;
    let blobs = 0;
    for (let afterKey: string | undefined; ; ) {
      const page = await artifacts.scanPacks(afterKey, OBJECTS_AT_ONCE);
      for (const pack of page) blobs += pack.blobs;
      yield;
      afterKey = page.at(-1)?.key;
      if (page.length < OBJECTS_AT_ONCE) break;
    }
    const marks = new Marks(this.parts, blobs);
    for (let afterId: string | undefined; ; ) {
      const page = await artifacts.scanArtifacts(afterId, ARTIFACTS_AT_ONCE);
      for (const one of page) {
        await marks.add(one);
        yield;
      }
      afterId = page.at(-1)?.artifactId;
      if (page.length < ARTIFACTS_AT_ONCE) return marks;
    }
  }

  private async *removePacks(collected: Collected, begunBeforeMs: number): AsyncGenerator<void, void, void> {
    const { artifacts, blobs } = this.parts;
    for (;;) {
      const keys = await artifacts.takeEmptyPacks(begunBeforeMs, PACKS_AT_ONCE);
      if (keys.length === 0) return;
      await blobs.delete(keys);
      await artifacts.forgetPacks(keys);
      collected.packs += keys.length;
      yield;
    }
  }

  /** Removes objects without a pack, which a server wrote that stood still for too long. */
  private async *removeLeftovers(): AsyncGenerator<void, void, void> {
    const { artifacts, blobs } = this.parts;
    await blobs.sweep(SWEEP_AFTER_MS);
    yield;
    for (let afterKey: string | undefined; ; ) {
      const page = await blobs.list(afterKey, OBJECTS_AT_ONCE);
      const keys = page.map((object) => object.key);
      const unknown = await artifacts.unknownPacks(keys);
      if (unknown.length > 0) await blobs.delete(unknown);
      yield;
      afterKey = keys.at(-1);
      if (page.length < OBJECTS_AT_ONCE) return;
    }
  }
}

/** Runs all steps to the end, with turns for other work in between. */
export async function toTheEnd(steps: AsyncGenerator<void, void, void>, signal?: AbortSignal): Promise<void> {
  const turns = new Turns();
  for await (const _ of steps) {
    signal?.throwIfAborted();
    await turns.next();
  }
}

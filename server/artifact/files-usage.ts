import type { ArtifactStore } from "./artifact-store.ts";

const PACKS_PER_SCAN = 1_000;

export interface FilesUsage {
  packs: number;
  /** The content in all packs that is still in use. */
  fileBytes: number;
}

/** How much content of files there is, of all businesses. Reads one row per pack. */
export async function filesUsage(artifacts: Pick<ArtifactStore, "scanPacks">): Promise<FilesUsage> {
  const usage = { packs: 0, fileBytes: 0 };
  let afterKey: string | undefined;
  do {
    const page = await artifacts.scanPacks(afterKey, PACKS_PER_SCAN);
    usage.packs += page.length;
    usage.fileBytes += page.reduce((sum, { bytes }) => sum + bytes, 0);
    afterKey = page.length < PACKS_PER_SCAN ? undefined : page.at(-1)?.key;
  } while (afterKey !== undefined);
  return usage;
}

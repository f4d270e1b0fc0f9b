import { toTheEnd } from "./collector.ts";
import { type ExpiryParts, expireArtifacts } from "./expiry.ts";

/**
 * Removes artifacts that were made longer ago than this and that no unfinished job, schedule or template needs. Their
 * content follows when a server collects. Resolves with how many there were.
 */
export async function pruneArtifacts(
  parts: Omit<ExpiryParts, "keepMs" | "isClockSettled">,
  olderThanMs: number,
  dryRun: boolean,
): Promise<number> {
  const count = { artifacts: 0 };
  const asked = { ...parts, keepMs: undefined, isClockSettled: () => false };
  await toTheEnd(expireArtifacts(asked, count, { olderThanMs, dryRun }));
  return count.artifacts;
}

import type { JobManifest } from "../../shared/manifest.ts";

/** Labels as texts: `key=value`. */
export function labelPairs(labels: Readonly<JobManifest["labels"]>): string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`);
}

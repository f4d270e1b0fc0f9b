import type { BuiltinAction } from "../job.ts";
import { cache, cacheRestore, cacheSave } from "./cache-action.ts";
import { downloadArtifact } from "./download-artifact.ts";
import type { Toolkit } from "./toolkit.ts";
import { uploadArtifact } from "./upload-artifact.ts";

/** GitHub's own actions for artifacts and caches, by name: they need no network here. */
export function toolkitActions(toolkit: Toolkit): Record<string, BuiltinAction> {
  return {
    "actions/upload-artifact": uploadArtifact(toolkit),
    "actions/download-artifact": downloadArtifact(toolkit),
    "actions/cache": cache(toolkit),
    "actions/cache/restore": cacheRestore(toolkit),
    "actions/cache/save": cacheSave(toolkit),
  };
}

import { ArtifactService } from "../artifact/artifact-service.ts";
import { artifactHandlers } from "../artifact/handlers.ts";
import { linkHandlers } from "../artifact/link-handlers.ts";
import { Links } from "../artifact/links.ts";
import { Quota, type QuotaLimits } from "../artifact/quota.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import type { PlaneBase } from "./base.ts";

/** How much is kept of files, and for how long. */
export interface ArtifactLimits extends QuotaLimits {
  /** For files of jobs, and for uploads without a time of their own; undefined: until somebody deletes them. */
  keepMs: number | undefined;
}

/**
 * Files that are kept, and the links to them.
 *
 * @param collect asks the collector to look for what can go.
 */
export async function composeArtifacts(
  { stores, blobs, ownership, bin, now }: PlaneBase,
  urls: OwnUrls,
  limits: ArtifactLimits,
  collect: () => void,
) {
  const { artifacts, executions, jobs, sessions } = stores;
  const { keepMs } = limits;
  const quota = new Quota(artifacts, limits, collect);
  const parts = {
    artifacts,
    blobs,
    now,
    keepMs,
    findExecution: (businessId: string, id: string) => executions.find(businessId, id),
  };
  const service = new ArtifactService(parts);
  const links = new Links(await sessions.secret("artifact-links"));
  return {
    handlers: {
      ...artifactHandlers({
        service,
        stores: parts,
        quota,
        ownership,
        ownerOfJob: async (businessId, jobId) => (await jobs.find(businessId, jobId))?.userId,
        bin,
        onDeleted: collect,
      }),
      ...linkHandlers({
        service,
        stores: { ...parts, quota },
        links,
        ownership,
        findJob: (businessId, jobId) => jobs.find(businessId, jobId),
        keepMs,
        publicUrl: urls.publicUrl,
      }),
    },
  };
}

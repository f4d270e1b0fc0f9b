import { ArtifactService } from "../artifact/artifact-service.ts";
import { artifactHandlers } from "../artifact/handlers.ts";
import { linkHandlers } from "../artifact/link-handlers.ts";
import { Links } from "../artifact/links.ts";
import { Quota } from "../artifact/quota.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import type { PlaneBase } from "./base.ts";

/** Files that are kept, and the links to them. */
export async function composeArtifacts({ stores, blobs, now }: PlaneBase, urls: OwnUrls) {
  const { artifacts, executions, jobs, sessions } = stores;
  const keepOf = () => undefined;
  const quota = new Quota(artifacts, () => undefined);
  const parts = {
    artifacts,
    blobs,
    now,
    keepOf,
    findExecution: (businessId: string, id: string) => executions.find(businessId, id),
  };
  const service = new ArtifactService(parts);
  const links = new Links(await sessions.secret("artifact-links"));
  return {
    handlers: {
      ...artifactHandlers({ service, stores: parts, quota }),
      ...linkHandlers({
        service,
        stores: { ...parts, quota },
        links,
        findJob: (businessId, jobId) => jobs.find(businessId, jobId),
        keepOf,
        publicUrl: urls.publicUrl,
      }),
    },
  };
}

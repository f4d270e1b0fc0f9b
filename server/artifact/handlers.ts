import { artifactId } from "../../shared/ids.ts";
import { businessOf, nodeOf, userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { readPage } from "../http/page.ts";
import type { ArtifactService, ArtifactServiceParts } from "./artifact-service.ts";
import { artifactView } from "./artifact-view.ts";
import { placesOf } from "./blob-reader.ts";
import type { PackParts } from "./pack-writer.ts";
import type { Quota } from "./quota.ts";
import { receivePack } from "./receive-pack.ts";
import { packBytes, readPack } from "./send-blobs.ts";
import { pageOfTree } from "./tree-pages.ts";

export interface ArtifactHandlerParts {
  service: ArtifactService;
  stores: ArtifactServiceParts & PackParts;
  quota: Quota;
  /** Called when artifacts were deleted, whose files may be of no use now. */
  onDeleted(): void;
}

type ArtifactHandlers = Pick<
  Handlers,
  | "artifacts.missing"
  | "artifacts.upload-blobs"
  | "artifacts.read-blobs"
  | "artifacts.create"
  | "artifacts.list"
  | "artifacts.retrieve"
  | "artifacts.files"
  | "artifacts.delete"
>;

export function artifactHandlers({
  service,
  stores,
  quota,
  onDeleted,
}: ArtifactHandlerParts): ArtifactHandlers {
  const { artifacts, blobs, now } = stores;
  return {
    "artifacts.missing": async (input, context) => {
      const digests = [...new Set(input.digests)];
      const sizes = await artifacts.touchBlobs(businessOf(context), digests, now());
      return { missing: digests.filter((_, i) => sizes[i] === undefined) };
    },
    "artifacts.upload-blobs": async (_, context, body) => ({
      stored: await receivePack({ artifacts, blobs, now, quota }, businessOf(context), body),
    }),
    "artifacts.read-blobs": async ({ digests }, context) => {
      const places = await placesOf(stores, businessOf(context), digests);
      return { bytes: packBytes(places), chunks: readPack(blobs, businessOf(context), places) };
    },
    "artifacts.create": async (input, context) => {
      const created =
        context.caller.kind === "node"
          ? await service.createByNode(nodeOf(context), input, context.signal)
          : await service.createByUser(userOf(context), input, context.signal);
      return "missing" in created ? created : { artifact: artifactView(created.artifact) };
    },
    "artifacts.list": async ({ jobId, kind, ...page }, context) => {
      const filter = { businessId: businessOf(context), jobId, kind };
      const { rows, nextCursor } = await readPage(
        page,
        artifactId,
        (beforeId, limit) => artifacts.list({ ...filter, beforeId, limit }),
        (row) => row.artifactId,
      );
      return { artifacts: rows.map(artifactView), nextCursor };
    },
    "artifacts.retrieve": async (input, context) =>
      artifactView(await service.retrieve(businessOf(context), input.artifactId)),
    "artifacts.files": async (input, context) =>
      pageOfTree(stores, await service.retrieve(businessOf(context), input.artifactId), input),
    "artifacts.delete": async ({ artifactIds }, context) => {
      const deleted = await artifacts.delete(businessOf(context), artifactIds);
      if (deleted.length > 0) onDeleted();
      return { deleted };
    },
  };
}

import type { Identity } from "../../shared/auth.ts";
import { artifactId } from "../../shared/ids.ts";
import { businessOf, nodeOf, userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { type Ownership, onlyOwn } from "../http/ownership.ts";
import { readPage } from "../http/page.ts";
import type { TrashBin } from "../trash/bin.ts";
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
  ownership: Ownership;
  /** Who submitted a job; undefined if it is gone. */
  ownerOfJob(businessId: string, jobId: string): Promise<string | undefined>;
  bin: TrashBin;
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

/** The owner of what nobody present can claim. */
const UNKNOWN = "";

export function artifactHandlers({
  service,
  stores,
  quota,
  ownership,
  ownerOfJob,
  bin,
  onDeleted,
}: ArtifactHandlerParts): ArtifactHandlers {
  const { artifacts, blobs, now } = stores;
  const requireOwn = async (by: Identity, artifactIds: readonly string[]) => {
    if (onlyOwn(by, "artifacts.change-others") === undefined) return;
    for (const { artifactId, userId, jobId } of await artifacts.find(by.businessId, artifactIds)) {
      await ownership.require(by, "artifacts.change-others", async () => {
        // What a job has made belongs to who submitted it.
        const maker = jobId === undefined ? undefined : await ownerOfJob(by.businessId, jobId);
        return { what: `Artifact ${artifactId}`, ownerId: userId ?? maker ?? UNKNOWN };
      });
    }
  };
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
      const by = userOf(context);
      await requireOwn(by, artifactIds);
      const into = bin.entryFor(by);
      const deleted = await artifacts.delete(by.businessId, artifactIds, into);
      if (deleted.length > 0 && !into) onDeleted();
      return { deleted, trashId: deleted.length > 0 ? into?.trashId : undefined };
    },
  };
}

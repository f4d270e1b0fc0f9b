import type { BlobStore } from "../blob/blob-store.ts";
import { GridFsBlobs } from "../blob/gridfs-blobs.ts";
import { mongoSteps } from "../compose/open-mongo.ts";
import { MongoStore } from "../store/mongo.ts";
import { MoveTarget } from "./target.ts";

export interface OpenTarget extends AsyncDisposable {
  store: MoveTarget;
  gridFs: () => BlobStore;
}

/** @param readOnly leaves even the schema alone. Rejects with ComputeError `storage_failed` if it cannot be reached. */
export async function openMoveTarget(url: string, { readOnly }: { readOnly: boolean }): Promise<OpenTarget> {
  const store = await MongoStore.open(url, readOnly ? [] : mongoSteps);
  const gridFs = () => new GridFsBlobs(store);
  return { store: new MoveTarget(store), gridFs, [Symbol.asyncDispose]: () => store.close() };
}

import { mongoSteps } from "../compose/open-mongo.ts";
import { MongoStore } from "../store/mongo.ts";
import { MoveTarget } from "./target.ts";

export interface OpenTarget extends AsyncDisposable {
  store: MoveTarget;
}

/** @param readOnly leaves even the schema alone. Rejects with ComputeError `storage_failed` if it cannot be reached. */
export async function openMoveTarget(url: string, { readOnly }: { readOnly: boolean }): Promise<OpenTarget> {
  const store = await MongoStore.open(url, readOnly ? [] : mongoSteps);
  return { store: new MoveTarget(store), [Symbol.asyncDispose]: () => store.close() };
}

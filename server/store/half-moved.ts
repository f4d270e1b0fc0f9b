import { ComputeError } from "../../shared/errors.ts";
import type { MongoStore } from "./mongo.ts";
/** The collection of the one record. */
export const MOVES = "compute_moves";

/** Throws where a move into the store was begun and not finished: a server there would miss half of what it should have. */
export async function refuseHalfMoved(store: MongoStore): Promise<void> {
  const move = await store.collection<{ _id: "move"; finished_at?: number }>(MOVES).findOne({ _id: "move" });
  if (!move || move.finished_at !== undefined) return;
  throw new ComputeError(
    "storage_failed",
    "An installation is being moved into this store and is not all there yet. " +
      "Let tanvrit-compute server migrate come to its end; it goes on where it was.",
  );
}

import { ComputeError } from "../../shared/errors.ts";
import type { MongoStore } from "./mongo.ts";

/** The collection that has the record of a move into this store. */
export const MOVES = "compute_moves";

/** Throws if a move into the store was started but not finished: a server on it would lack a part of its data. */
export async function refuseHalfMoved(store: MongoStore): Promise<void> {
  const move = await store.collection<{ _id: "move"; finished_at?: number }>(MOVES).findOne({ _id: "move" });
  if (!move || move.finished_at !== undefined) return;
  throw new ComputeError(
    "storage_failed",
    "An installation is being moved into this store, and the move is not complete yet. " +
      "Run tanvrit-compute server migrate again until it finishes; it continues where it stopped.",
  );
}

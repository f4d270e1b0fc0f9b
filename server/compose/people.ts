import { pruneTask } from "../throttle/prune-task.ts";
import { Throttle } from "../throttle/throttle.ts";
import type { PlaneBase } from "./base.ts";

/** People, and the ways in which they sign in. */
export function composePeople({ stores, now, runnerOf }: PlaneBase) {
  const throttle = new Throttle(stores.throttle, now);
  return { throttle, runner: runnerOf(pruneTask([stores.throttle, stores.oneTime])) };
}

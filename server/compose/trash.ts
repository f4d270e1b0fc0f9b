import { trashHandlers } from "../trash/api/handlers.ts";
import { TrashService, trashTask } from "../trash/api/trash-service.ts";
import type { PlaneBase } from "./base.ts";

/** @param onGone called when something is gone for good: its logs and files can go too. */
export function composeTrash({ stores, now, runnerOf }: PlaneBase, onGone: () => void) {
  const { trash, templates, schedules, secrets, artifacts } = stores;
  const service = new TrashService({
    trash,
    jobs: stores.retention,
    templates,
    schedules,
    secrets,
    artifacts,
    onGone,
    now,
  });
  return { handlers: trashHandlers(service, stores.people), runner: runnerOf(trashTask(service)) };
}

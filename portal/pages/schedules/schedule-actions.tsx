import type { Schedule } from "../../../sdk/index.ts";
import { changed } from "../../api/live.ts";
import { compute } from "../../api/session.ts";
import { confirm } from "../../ui/dialog.tsx";
import { toast } from "../../ui/toast.tsx";
import { nameOf } from "./schedule-parts.tsx";

/** Fires now, and says where the job is. */
export async function runNow(schedule: Schedule): Promise<void> {
  const fire = await compute.schedules.run(schedule.scheduleId);
  tell(schedule);
  if (fire.jobId !== undefined)
    toast(
      <>
        {nameOf(schedule)} fired: <a href={`/jobs/${fire.jobId}`}>see its job</a>.
      </>,
    );
  else toast(`${nameOf(schedule)} waits: ${fire.message ?? "an earlier job is not over"}.`);
}

export async function pause(schedule: Schedule): Promise<void> {
  await compute.schedules.pause(schedule.scheduleId);
  tell(schedule);
  toast(`${nameOf(schedule)} is paused. Jobs that run go on.`);
}

export async function resume(schedule: Schedule): Promise<void> {
  await compute.schedules.resume(schedule.scheduleId);
  tell(schedule);
  toast(`${nameOf(schedule)} fires again. What fell into the pause is not made up.`);
}

/** Resolves with whether it was deleted. */
export async function remove(schedule: Schedule): Promise<boolean> {
  const isSure = await confirm({
    title: `Delete ${nameOf(schedule)}?`,
    text: <p>It never fires again. Jobs that it submitted go on and keep their history.</p>,
    yes: "Delete",
    no: "Keep",
    isBad: true,
  });
  if (!isSure) return false;
  await compute.schedules.delete(schedule.scheduleId);
  tell(schedule);
  toast(`${nameOf(schedule)} is deleted.`);
  return true;
}

function tell({ scheduleId }: Schedule): void {
  changed("schedules", [scheduleId]);
}

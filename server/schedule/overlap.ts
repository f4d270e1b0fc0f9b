import type { OverlapPolicy } from "../../shared/schedule/schedule.ts";
import { skip } from "./fire.ts";
import type { FireRecord } from "./schedule-record.ts";
import type { ScheduleDecision, ScheduleState } from "./schedule-store.ts";

/**
 * Decides on new fires while an earlier fire is open or a job of the schedule is not over. `allow` lets them run alongside,
 * `forbid` skips them, `queue` lets one wait and skips the others, `replace` lets the newest wait until the running job is
 * cancelled and gone. So only `allow` ever has two at the same time. Returns the new fires and the open ones it changed.
 */
export function admit(
  policy: OverlapPolicy,
  state: Pick<ScheduleState, "openFires" | "liveJobIds">,
  fires: readonly FireRecord[],
): FireRecord[] {
  const changed = new Map<string, FireRecord>();
  let isBusy = state.openFires.length > 0 || state.liveJobIds.length > 0;
  let waiting = state.openFires.find((fire) => fire.status === "WAITING");
  for (const fire of fires) {
    let admitted = fire;
    if (fire.status === "PENDING" && policy !== "allow" && isBusy) {
      if (policy === "forbid") {
        admitted = skip(fire, "Overlap", "An earlier job of this schedule was not over.");
      } else if (policy === "queue" && waiting) {
        admitted = skip(fire, "QueueFull", "Another fire was already waiting for the job before it.");
      } else {
        const replaced = "A later fire came before this one could start.";
        if (waiting) changed.set(waiting.fireId, skip(waiting, "Replaced", replaced));
        admitted = { ...fire, status: "WAITING" };
        waiting = admitted;
      }
    }
    isBusy ||= admitted.status === "PENDING";
    changed.set(admitted.fireId, admitted);
  }
  return [...changed.values()];
}

/** What to do for the open fires of a schedule. */
interface NextSteps {
  /** Undefined if the schedule does not exist. */
  businessId: string | undefined;
  submit: FireRecord[];
  /** Jobs that a waiting fire replaces. */
  cancel: string[];
  /** Jobs that a fire waits for. */
  waitFor: string[];
}

/** A waiting fire becomes PENDING when nothing is left before it. Pure. */
export function advance(state: ScheduleState | undefined): ScheduleDecision<NextSteps> {
  if (!state) return { result: { businessId: undefined, submit: [], cancel: [], waitFor: [] } };
  const { schedule, openFires, liveJobIds } = state;
  const { businessId } = schedule;
  const submit = openFires.filter((fire) => fire.status === "PENDING");
  const [waiting] = openFires.filter((fire) => fire.status === "WAITING");
  if (!waiting) return { result: { businessId, submit, cancel: [], waitFor: [] } };
  if (submit.length === 0 && liveJobIds.length === 0) {
    const fire: FireRecord = { ...waiting, status: "PENDING" };
    return { fires: [fire], result: { businessId, submit: [fire], cancel: [], waitFor: [] } };
  }
  const cancel = schedule.overlap === "replace" ? liveJobIds : [];
  return { result: { businessId, submit, cancel, waitFor: liveJobIds } };
}

/** How submitting a PENDING fire ended. */
export type FireOutcome = { jobId: string } | { failure: string };

export function settle(
  state: ScheduleState | undefined,
  fireId: string,
  outcome: FireOutcome,
): ScheduleDecision<FireRecord | undefined> {
  const fire = state?.openFires.find((one) => one.fireId === fireId);
  // Another server settled it, or it was deleted with its schedule.
  if (!fire) return { result: undefined };
  const settled: FireRecord =
    "jobId" in outcome
      ? { ...fire, status: "SUBMITTED", jobId: outcome.jobId, job: undefined }
      : { ...fire, status: "FAILED", message: outcome.failure, job: undefined };
  return { fires: [settled], result: settled };
}

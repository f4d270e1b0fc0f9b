import type { WorkflowJob, WorkflowRun } from "../../../sdk/index.ts";
import { durationText } from "../../ui/duration.ts";
import { StatusSign } from "../../ui/status.tsx";
import { nowMs } from "../../ui/time.tsx";
import { statusOf } from "./run-tree.tsx";

/** More jobs than this are too small to see. */
const MAX_BARS = 50;

const TONES: Readonly<Record<string, string>> = { SUCCESS: "good", FAILED: "bad", RUNNING: "busy" };

/** When each job of the run ran, on one time scale. */
export function RunBars({ run }: { run: WorkflowRun }) {
  const jobs = run.jobs.filter((job) => job.startedAt !== undefined && job.conclusion !== "skipped");
  if (jobs.length < 2 || jobs.length > MAX_BARS) return null;
  const times = jobs.map(timesOf);
  const startMs = Math.min(...times.map(({ fromMs }) => fromMs));
  const scaleMs = Math.max(1, ...times.map(({ toMs }) => toMs - startMs));
  const share = (ms: number) => `${((ms / scaleMs) * 100).toFixed(2)}%`;
  return (
    <ul class="run-bars" aria-label="When its jobs ran">
      {jobs.map((job, i) => {
        const { fromMs, toMs } = times[i] ?? { fromMs: 0, toMs: 0 };
        return (
          <li key={job.key}>
            <StatusSign of={statusOf(job)} />
            <span class="cut" title={job.name}>
              {job.name}
            </span>
            <span class="run-bar" aria-hidden="true">
              <i
                class={TONES[statusOf(job)] ?? "still"}
                style={{ marginLeft: share(fromMs - startMs), width: share(toMs - fromMs) }}
              />
            </span>
            <span class="quiet number">{durationText(toMs - fromMs)}</span>
          </li>
        );
      })}
    </ul>
  );
}

function timesOf({ startedAt = "", completedAt }: WorkflowJob) {
  return {
    fromMs: Date.parse(startedAt),
    toMs: completedAt === undefined ? nowMs.value : Date.parse(completedAt),
  };
}

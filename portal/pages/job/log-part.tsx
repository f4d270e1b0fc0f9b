import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { useLocation } from "preact-iso";
import { isFinal, type Job } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { hashOf } from "../../log/anchor.ts";
import { LogView } from "../../log/log-view.tsx";
import { openJobLog } from "../../log/open-job-log.ts";
import type { LogSourceEvent } from "../../log/source.ts";
import { LiveRun } from "./live-run.ts";
import "./run.css";
import { RunTree, stepIn } from "./run-tree.tsx";
import { StepPlaces } from "./step-places.ts";

/** The output of the job, beside it the steps of a workflow. */
export function LogPart({ job, refresh }: { job: Job; refresh(): void }) {
  const { jobId } = job;
  const reading = useReading(job, refresh);
  const { source, reopen, places, live, placed, isRead } = reading;
  const run = live.run.value ?? job.workflowRun;
  const hrefOf: Parameters<typeof RunTree>[0]["hrefOf"] = (runJob, step) => {
    // Reading the signal draws the tree again when another step has its place.
    const place = placed.value >= 0 ? places.of(runJob, step) : undefined;
    return place && hashOf({ from: place, to: place });
  };
  // While a finished log is still being read, what is its last line so far would be taken for its end.
  useStepInAddress(isRead.value || !isFinal(job.status) ? run : undefined, hrefOf);
  const log = (
    <div class="job-log">
      <LogView source={source} reopen={reopen} fileName={`${jobId}.log`} label="Log of this job" />
    </div>
  );
  if (!run) return log;
  return (
    <div class="job-run">
      <div class="job-run-side card">
        <RunTree run={run} hrefOf={hrefOf} label="Steps" />
      </div>
      {log}
    </div>
  );
}

/** Reads the log once, for the viewer, the tree of steps, and the places of steps. */
function useReading({ jobId, status }: Job, refresh: () => void) {
  const isOver = isFinal(status);
  const rounds = useRef({ count: 0, wasOver: isOver });
  // A job that was over runs again: its log goes on.
  if (rounds.current.wasOver && !isOver) rounds.current.count++;
  rounds.current.wasOver = isOver;
  const placed = useSignal(0);
  const isRead = useSignal(false);
  const reading = useMemo(() => {
    const ended = new AbortController();
    const { signal } = ended;
    const live = new LiveRun();
    const places = new StepPlaces();
    const watched = async function* (): AsyncGenerator<LogSourceEvent, void, void> {
      for await (const event of openJobLog(compute, jobId, { signal, follow: true })) {
        live.take(event);
        if (places.take(event)) placed.value++;
        if (event.event === "end") {
          isRead.value = true;
          refresh();
        }
        yield event;
      }
    };
    const reopen = (after: string | undefined) =>
      openJobLog(compute, jobId, { signal, follow: false, after });
    return { ended, source: watched(), reopen, live, places };
  }, [jobId, rounds.current.count]);
  useEffect(() => () => reading.ended.abort(), [reading]);
  return { ...reading, placed, isRead };
}

/** `#step=…` in the address becomes the line at which that step begins, once the line is there. */
function useStepInAddress(
  run: Parameters<typeof RunTree>[0]["run"] | undefined,
  hrefOf: Parameters<typeof RunTree>[0]["hrefOf"],
): void {
  const hash = useSignal(location.hash);
  useEffect(() => {
    const read = () => {
      hash.value = location.hash;
    };
    addEventListener("hashchange", read);
    return () => removeEventListener("hashchange", read);
  }, []);
  // A link to this page with another step changes the address without an event.
  const { url } = useLocation();
  useEffect(() => {
    hash.value = location.hash;
  }, [url]);
  const wanted = run && stepIn(run, hash.value);
  const href = wanted && hrefOf(wanted.job, wanted.step);
  useEffect(() => {
    if (href !== undefined) location.replace(href);
  }, [href]);
}

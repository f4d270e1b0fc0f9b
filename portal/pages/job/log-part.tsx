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
function useReading({ jobId, attempt }: Job, refresh: () => void) {
  /** The attempt after which the log ended; undefined while it is read. */
  const ended = useRef<number | undefined>(undefined);
  const round = useRef(0);
  if (ended.current !== undefined && attempt > ended.current) {
    // The job runs again, and so its log goes on.
    ended.current = undefined;
    round.current++;
  }
  const placed = useSignal(0);
  const isRead = useSignal(false);
  const reading = useMemo(() => {
    const closed = new AbortController();
    const { signal } = closed;
    const live = new LiveRun();
    const places = new StepPlaces();
    const watched = async function* (): AsyncGenerator<LogSourceEvent, void, void> {
      for await (const event of openJobLog(compute, jobId, { signal, follow: true })) {
        live.take(event);
        if (places.take(event)) placed.value++;
        if (event.event === "end") {
          ended.current = event.data.attempt;
          isRead.value = true;
          refresh();
        }
        yield event;
      }
    };
    const reopen = (after: string | undefined) =>
      openJobLog(compute, jobId, { signal, follow: false, after });
    return { closed, source: watched(), reopen, live, places };
  }, [jobId, round.current]);
  useEffect(() => () => reading.closed.abort(), [reading]);
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

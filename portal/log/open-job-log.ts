import type { Compute, LogEvent } from "../../sdk/index.ts";
import { followJob } from "./follow-job.ts";
import type { ConnectionEvent, LogSourceEvent } from "./source.ts";

export interface OpenLogOptions {
  signal: AbortSignal;
  /** Goes on with what the job writes until it is over. Otherwise what is stored now is all, and no line is left out. */
  follow: boolean;
  /** The id of an event: the log begins after it. */
  after?: string;
}

/**
 * The log of a job for `LogView`. A lost connection is no end: it says so with a `connection` event, tries again with growing
 * pauses for as long as the signal lets it, and goes on where it was.
 */
export async function* openJobLog(
  compute: Compute,
  jobId: string,
  { signal, follow, after }: OpenLogOptions,
): AsyncGenerator<LogSourceEvent, void, void> {
  const told: ConnectionEvent[] = [];
  let isLost = false;
  let wake = () => {};
  const tell = (data: ConnectionEvent["data"]) => {
    isLost = data.state === "lost";
    told.push({ event: "connection", data });
    wake();
  };
  const why = "The connection to the server is lost. Trying again; lines that come meanwhile are shown then.";
  const patience = {
    signal,
    ...{ firstMs: Number.POSITIVE_INFINITY, awayMs: Number.POSITIVE_INFINITY },
    ...{ onAway: () => tell({ state: "lost", why }), onBack: () => tell({ state: "back" }) },
  };
  const options = { ...patience, lastEventId: after, whole: !follow, packed: true };
  const events = follow ? followJob(compute, jobId, options) : compute.jobs.logs(jobId, options);
  let next: Promise<IteratorResult<LogEvent, void>> | undefined;
  try {
    for (;;) {
      next ??= events.next();
      const said = new Promise<undefined>((resolve) => {
        wake = () => resolve(undefined);
      });
      const came = told.length > 0 ? undefined : await Promise.race([next, said]);
      while (told.length > 0) yield told.shift() as ConnectionEvent;
      if (came === undefined) continue;
      next = undefined;
      if (came.done) return;
      // Another connection got it while the lost one was not tried any more.
      if (isLost) tell({ state: "back" });
      yield came.value;
    }
  } finally {
    // An iteration that is left before its end waits for nothing more.
    void events.return().catch(() => undefined);
  }
}

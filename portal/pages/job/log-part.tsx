import { useEffect, useState } from "preact/hooks";
import type { Job } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";

const MAX_LINES = 2_000;

/** The output of the job. */
export function LogPart({ job: { jobId } }: { job: Job; refresh(): void }) {
  const [lines, setLines] = useState<string[]>([]);
  useEffect(() => {
    const ended = new AbortController();
    const read = async () => {
      const all: string[] = [];
      for await (const { event, data } of compute.jobs.follow(jobId, {
        tail: MAX_LINES,
        signal: ended.signal,
      })) {
        if (event !== "log") continue;
        all.push(data.text);
        setLines(all.slice(-MAX_LINES));
      }
    };
    read().catch(() => undefined);
    return () => ended.abort();
  }, [jobId]);
  return (
    <section class="card" aria-label="Log">
      <pre class="job-plain-log">{lines.join("\n")}</pre>
    </section>
  );
}

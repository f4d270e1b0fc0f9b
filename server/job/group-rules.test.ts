import { expect, test } from "bun:test";
import { jobManifest } from "../../shared/manifest.ts";
import { turns } from "./group-rules.ts";
import type { JobRecord } from "./job-record.ts";
import { newJob } from "./job-rules.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");

/** `a`: a node could run the job; `A`: no node could; `~a`: its start time has not come. `a` is older than `b`. */
function jobOf(sign: string, limit: number): JobRecord {
  const [name = "", ...rest] = [...sign.replace("~", "")];
  if (rest.length > 0) throw new Error(`one letter, not ${sign}`);
  const labels = name === name.toUpperCase() ? { disk: "tape" } : {};
  const manifest = jobManifest.parse({ command: "true", name, labels, concurrency: { group: "g", limit } });
  const job = newJob({ businessId: "biz", userId: "usr" }, manifest, {}, AT_MS);
  const jobId = `job_${name.toLowerCase()}`;
  return { ...job, jobId, notBeforeMs: sign.startsWith("~") ? AT_MS + 1 : undefined };
}

const canStart = ({ manifest }: JobRecord) => manifest.labels.disk === undefined;
const namesOf = (jobs: readonly JobRecord[]) => jobs.map((job) => job.manifest.name).join(" ");

test("a place in a group goes to the oldest job that can start, and stays with a job that is under way or can start", () => {
  // The limit, how many jobs are under way, which have a place, which wait (by requirement); which get and give up a place.
  const cases: [number, number, string, string, string, string][] = [
    [1, 0, "", "a", "a", ""],
    [1, 0, "", "a b", "a", ""],
    [1, 1, "", "a b", "", ""],
    [1, 0, "a", "b", "", ""],
    [2, 1, "", "a b", "a", ""],
    [3, 1, "a", "b c d", "b", ""],
    // A job that no node could run lets others go first, but has the place if nobody else wants it.
    [1, 0, "", "A", "A", ""],
    [1, 0, "", "A | b", "b", ""],
    [1, 0, "A", "b", "b", "A"],
    [1, 0, "A", "B", "", ""],
    [1, 1, "", "A | b", "", ""],
    [2, 0, "A", "b c", "b c", "A"],
    [2, 0, "A", "b", "b", ""],
    [2, 0, "A B", "c", "c", "B"],
    [2, 1, "A", "b c", "b", "A"],
    // A job whose start time has not come has no place.
    [1, 0, "~a", "b", "b", "a"],
    [1, 0, "~a", "B", "B", "a"],
    [2, 0, "~a b", "c", "c", "a"],
    // Across requirements, jobs go by age.
    [3, 0, "", "b d | a c", "a b c", ""],
  ];
  for (const [limit, underWay, placed, waiting, admitted, displaced] of cases) {
    const jobs = (text: string) =>
      text
        .split(" ")
        .filter(Boolean)
        .map((sign) => jobOf(sign, limit));
    const queues = waiting.split("|").map(jobs);
    const found = turns({ underWay, placed: jobs(placed), queues }, canStart);
    const names = { admitted: namesOf(found.admitted), displaced: namesOf(found.displaced) };
    expect({ limit, underWay, placed, waiting, ...names }).toEqual({
      limit,
      underWay,
      placed,
      waiting,
      admitted,
      displaced,
    });
    const before = underWay + jobs(placed).length;
    const then = before + found.admitted.length - found.displaced.length;
    expect(then).toBeLessThanOrEqual(Math.max(limit, before));
  }
});

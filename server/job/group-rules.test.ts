import { expect, test } from "bun:test";
import { jobManifest } from "../../shared/manifest.ts";
import { turns } from "./group-rules.ts";
import type { JobRecord } from "./job-record.ts";
import { newJob } from "./job-rules.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");

/** `a` can start, `A` cannot, `~a` may not start yet; by age in the order of the alphabet. */
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

test("a place in a group goes to who can start, the oldest first, and stays with who is under way or can start", () => {
  // The limit, how many are under way, who has a place, who waits (by requirement); who gets one, who gives one up.
  const cases: [number, number, string, string, string, string][] = [
    [1, 0, "", "a", "a", ""],
    [1, 0, "", "a b", "a", ""],
    [1, 1, "", "a b", "", ""],
    [1, 0, "a", "b", "", ""],
    [2, 1, "", "a b", "a", ""],
    [3, 1, "a", "b c d", "b", ""],
    // One that no node could be given lets others go first, but has the place where nobody wants it.
    [1, 0, "", "A", "A", ""],
    [1, 0, "", "A | b", "b", ""],
    [1, 0, "A", "b", "b", "A"],
    [1, 0, "A", "B", "", ""],
    [1, 1, "", "A | b", "", ""],
    [2, 0, "A", "b c", "b c", "A"],
    [2, 0, "A", "b", "b", ""],
    [2, 0, "A B", "c", "c", "B"],
    [2, 1, "A", "b c", "b", "A"],
    // One that may not start yet has no place.
    [1, 0, "~a", "b", "b", "a"],
    [1, 0, "~a", "B", "B", "a"],
    [2, 0, "~a b", "c", "c", "a"],
    // The order over requirements is that of their age.
    [3, 0, "", "b d | a c", "a b c", ""],
  ];
  for (const [limit, underWay, placed, waiting, admitted, displaced] of cases) {
    const jobs = (text: string) =>
      text
        .split(" ")
        .filter(Boolean)
        .map((sign) => jobOf(sign, limit));
    const queues = waiting.split("|").map(jobs);
    const told = turns({ underWay, placed: jobs(placed), queues }, canStart);
    expect([limit, underWay, placed, waiting, namesOf(told.admitted), namesOf(told.displaced)]).toEqual([
      ...[limit, underWay, placed, waiting, admitted, displaced],
    ]);
    expect(underWay + jobs(placed).length + told.admitted.length - told.displaced.length).toBeLessThanOrEqual(
      Math.max(limit, underWay + jobs(placed).length),
    );
  }
});

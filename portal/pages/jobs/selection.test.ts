import { expect, test } from "bun:test";
import type { Job } from "../../../sdk/index.ts";
import { eligible, nothingSelected, toggle, toggleAll } from "./selection.ts";

const rows = ["a", "b", "c", "d", "e"].map((jobId) => ({ jobId }));
const idsOf = ({ ids }: { ids: ReadonlySet<string> }) => [...ids].sort().join("");

test("a range with Shift selects or takes off everything between two rows, in either direction", () => {
  const one = toggle(nothingSelected, rows, "d");
  const range = toggle(one, rows, "b", true);
  expect(idsOf(range)).toBe("bcd");
  expect(idsOf(toggle(range, rows, "c", true))).toBe("d");
  expect(idsOf(toggle(nothingSelected, rows, "c", true))).toBe("c");
});

test("the box of the whole list selects what is shown, and then nothing", () => {
  const all = toggleAll(toggle(nothingSelected, rows, "a"), rows);
  expect(idsOf(all)).toBe("abcde");
  expect(idsOf(toggleAll(all, rows))).toBe("");
});

test("only jobs that go on are cancelled, only those that failed retried, only whole ones that are over deleted", () => {
  const job = (jobId: string, status: string, more: object = {}) => ({ jobId, status, ...more }) as Job;
  const {
    cancel,
    retry,
    delete: deleted,
  } = eligible([
    job("r", "RUNNING"),
    job("x", "RUNNING", { cancelRequestedAt: "2026-01-01T00:00:00Z" }),
    job("s", "SUCCESS"),
    job("f", "FAILED"),
    job("m", "TIMEOUT", { arrayId: "job_1" }),
  ]);
  expect([cancel, retry, deleted].map((jobs) => jobs.map(({ jobId }) => jobId).join(""))).toEqual([
    "r",
    "fm",
    "sf",
  ]);
});

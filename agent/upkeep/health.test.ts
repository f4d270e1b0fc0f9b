import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DiskFacts, Health, lookAtDisk } from "./health.ts";

const stateDir = "/srv/ada/.tanvrit/agent/local";
const roomy: DiskFacts = { freeMb: 50_000, totalMb: 100_000, freeFiles: 1_000_000, totalFiles: 2_000_000 };
const disk = (part: Partial<DiskFacts>) => ({ disk: { ...roomy, ...part } });
const minutes = (count: number) => ({ disk: roomy, clockAheadMs: count * 60_000 });

describe("a machine takes no jobs", () => {
  test("with less than 512 MiB free, and says how much is free and what to do", () => {
    const health = new Health({ stateDir });
    expect(health.judge(disk({ freeMb: 512 }))).toBeUndefined();
    const problem = health.judge(disk({ freeMb: 90 }));
    expect(problem).toStartWith(`only 90 MiB are free below ${stateDir}, and 512 MiB must be`);
    expect(problem).toContain("free some space");
  });

  test("with less free than its owner demands, which may be more or less than the default", () => {
    const health = new Health({ stateDir, minFreeDiskMb: 60_000 });
    expect(health.judge(disk({}))).toContain("60000 MiB must be");
    expect(new Health({ stateDir, minFreeDiskMb: 0 }).judge(disk({ freeMb: 0 }))).toBeUndefined();
  });

  test("on a small disk with less than a twentieth free", () => {
    const health = new Health({ stateDir });
    expect(health.judge(disk({ totalMb: 1_000, freeMb: 50 }))).toBeUndefined();
    expect(health.judge(disk({ totalMb: 1_000, freeMb: 49 }))).toContain("50 MiB must be");
  });

  test("with no room for more files, if the file system counts them", () => {
    const health = new Health({ stateDir });
    expect(health.judge(disk({ freeFiles: 0, totalFiles: 0 }))).toBeUndefined();
    expect(health.judge(disk({ freeFiles: 999 }))).toContain("only 999 more files");
  });

  test("with a clock minutes ahead of the server's or behind it", () => {
    const health = new Health({ stateDir });
    expect(health.judge(minutes(4.9))).toBeUndefined();
    expect(health.judge(minutes(12))).toBe(
      "this machine's clock is 12 minutes ahead of the server's; set it right, for example with NTP",
    );
    expect(new Health({ stateDir }).judge(minutes(-5.5))).toContain("5.5 minutes behind the server's");
  });

  test("when the agent cannot write to its directory", () => {
    const problem = new Health({ stateDir }).judge({ unwritable: "EROFS: read-only file system" });
    expect(problem).toContain(`cannot write to ${stateDir} (EROFS: read-only file system)`);
  });
});

test("a problem is reported in the same words until it is clearly over", () => {
  const health = new Health({ stateDir });
  const problem = health.judge(disk({ freeMb: 500 }));
  expect(problem).toContain("only 500 MiB");
  expect(health.judge(disk({ freeMb: 400 }))).toBe(problem);
  expect(health.judge(disk({ freeMb: 600 }))).toBe(problem);
  expect(health.judge(disk({ freeMb: 620 }))).toBeUndefined();
  expect(health.judge(disk({ freeMb: 600 }))).toBeUndefined();
});

test("a clock that wavers around the limit is reported once", () => {
  const health = new Health({ stateDir });
  const problem = health.judge(minutes(5.1));
  expect(health.judge(minutes(4.9))).toBe(problem);
  expect(health.judge(minutes(4))).toBeUndefined();
  expect(health.judge(minutes(4.9))).toBeUndefined();
});

test("of several problems the first is reported, and the next when that is over", () => {
  const health = new Health({ stateDir });
  expect(health.judge({ ...disk({ freeMb: 1 }), clockAheadMs: 3_600_000 })).toContain("only 1 MiB");
  expect(health.judge(minutes(60))).toContain("clock is 60 minutes");
});

test("a look at a real disk returns its numbers, and the reason when there is no disk", () => {
  const dir = mkdtempSync(join(tmpdir(), "health-"));
  const { disk: found } = lookAtDisk(dir);
  expect(found?.freeMb).toBeGreaterThan(0);
  expect(found?.totalMb).toBeGreaterThanOrEqual(found?.freeMb ?? 0);
  rmSync(dir, { recursive: true });
  expect(lookAtDisk(dir).unwritable).toContain("ENOENT");
});

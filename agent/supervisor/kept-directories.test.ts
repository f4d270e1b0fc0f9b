import { expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newId } from "../../shared/ids.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { isKept, keepDirectory, keptIn, removeOld } from "./kept-directories.ts";
import { hasLeftovers, openSupervisorDir, removeSupervisorDir } from "./supervisor-dir.ts";

const HOUR_MS = 60 * 60_000;
const silent = { info: () => {}, warn: () => {}, error: () => {} };

test("a directory that is kept stays for a day, whatever happens to its supervisor", async () => {
  await using scratch = await makeScratch();
  const { work } = openSupervisorDir(scratch.path);
  const [kept, broken] = [newId("exe"), newId("exe")];
  for (const name of [kept, broken]) mkdirSync(join(work, name, "deep"), { recursive: true });
  const nowMs = Date.now();
  keepDirectory(work, kept, nowMs);
  expect([isKept(work, kept), isKept(work, broken), keptIn(work)]).toEqual([true, false, [kept]]);
  expect(hasLeftovers(scratch.path)).toBe(true);
  writeFileSync(join(scratch.path, "kept", broken), "not JSON");
  await removeOld(work, silent, nowMs + 23 * HOUR_MS);
  expect([existsSync(join(work, kept)), existsSync(join(work, broken))]).toEqual([true, false]);
  expect(hasLeftovers(scratch.path)).toBe(false);
  removeSupervisorDir(scratch.path);
  expect(existsSync(join(work, kept, "deep"))).toBe(true);
  await removeOld(work, silent, nowMs + 25 * HOUR_MS);
  expect([existsSync(join(work, kept)), keptIn(work)]).toEqual([false, []]);
  removeSupervisorDir(scratch.path);
  expect(existsSync(scratch.path)).toBe(false);
});

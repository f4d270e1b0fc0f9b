import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newId } from "../../shared/ids.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { hasLeftovers, supervisorDir } from "../supervisor/supervisor-dir.ts";
import { Outbox } from "./outbox.ts";

test("a result that cannot be read is logged once and set aside, and does not count as waiting", async () => {
  await using scratch = await makeScratch();
  const root = scratch.path;
  const dir = supervisorDir(root).outbox;
  mkdirSync(dir);
  const name = `${newId("exe")}.json`;
  writeFileSync(join(dir, name), '{"executionId":"exe_');
  expect(hasLeftovers(root)).toBe(true);
  const said: string[] = [];
  const say = (message: string) => void said.push(message);
  const log = { info: say, warn: say, error: say };
  for (const _ of [1, 2]) expect(new Outbox(dir).load(log)).toEqual([]);
  expect(said).toEqual([expect.stringContaining(`${name}.damaged cannot be read and is not sent`)]);
  expect(readdirSync(dir)).toEqual([`${name}.damaged`]);
  expect(hasLeftovers(root)).toBe(false);
});

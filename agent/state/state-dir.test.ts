import { expect, test } from "bun:test";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeScratch } from "../../tests/support/scratch.ts";
import { openSupervisorDir, supervisorNames } from "../supervisor/supervisor-dir.ts";
import { openStateDir } from "./state-dir.ts";

test("the files of an agent and its supervisors are only for their account", async () => {
  await using scratch = await makeScratch();
  const root = scratch.path;
  const agent = join(root, "agent");
  const supervisor = join(openStateDir(agent).supervisors, "build");
  const { work, spool, outbox } = openSupervisorDir(supervisor);
  for (const dir of [agent, supervisor, work, spool, outbox]) expect(statSync(dir).mode & 0o777).toBe(0o700);
});

test("a directory keeps its id; an invalid id is an error, and files that are not a supervisor's are left alone", async () => {
  await using scratch = await makeScratch();
  const root = scratch.path;
  const { agentId, supervisors } = openStateDir(root);
  expect(openStateDir(root).agentId).toBe(agentId);
  writeFileSync(join(supervisors, ".DS_Store"), "");
  expect(supervisorNames(supervisors)).toEqual([]);
  writeFileSync(join(root, "agent-id"), "\0\u0001 x\n");
  expect(() => openStateDir(root)).toThrow(`${join(root, "agent-id")} is damaged. Remove it`);
});

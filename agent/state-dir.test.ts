import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStateDir } from "./state-dir.ts";
import { supervisorNames } from "./supervisor/supervisor-dir.ts";

test("a directory keeps its id; one that is no id is told of, and what is no supervisor's is left alone", () => {
  const root = mkdtempSync(join(tmpdir(), "state-"));
  const { agentId, supervisors } = openStateDir(root);
  expect(openStateDir(root).agentId).toBe(agentId);
  writeFileSync(join(supervisors, ".DS_Store"), "");
  expect(supervisorNames(supervisors)).toEqual([]);
  writeFileSync(join(root, "agent-id"), "\0\u0001 x\n");
  expect(() => openStateDir(root)).toThrow(`${join(root, "agent-id")} is damaged. Remove it`);
  rmSync(root, { recursive: true });
});

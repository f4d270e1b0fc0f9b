import { expect, test } from "bun:test";
import { posix } from "node:path";
import { importedPaths, type SourceFile, sourceFiles } from "./source.ts";

/**
 * The folders of each program, floor by floor from the ground up. A file imports from its own folder and from lower
 * floors, never from a folder on its own floor or above.
 */
const floorsOf: Record<string, readonly (readonly string[])[]> = {
  shared: [
    ["files"],
    [""],
    ["config", "sockets"],
    ["template"],
    ["schedule"],
    ["endpoints/wire"],
    ["endpoints"],
  ],
  sdk: [["files"], [""], ["machine/files"], ["machine"], ["build"]],
  agent: [
    ["masking", "process"],
    ["keeper", "limits", "state"],
    ["executors/port", "logs"],
    ["executors/docker", "executors/shell"],
    ["workflow/expressions"],
    ["workflow/syntax", "workflow/trigger"],
    ["workflow"],
    ["workflow/containers", "workflow/steps", "workflow/toolkit"],
    ["workflow/actions"],
    ["workflow/run"],
    ["executors/workflow"],
    ["detectors", "executors", "files"],
    ["profile"],
    ["session", "supervisor"],
    ["worker"],
    ["control", "upkeep"],
    [""],
  ],
  server: [
    ["runtime", "store", "template/builtin"],
    ["tasks"],
    ["throttle"],
    ["auth"],
    ["audit", "bus", "trash"],
    ["blob", "http", "mail", "tls"],
    ["enrolment", "oauth", "people"],
    ["activity", "api-key", "oidc", "pages", "portal", "workflow"],
    ["job", "log", "secret"],
    ["artifact", "member", "node", "retention", "schedule", "template"],
    ["audit/api", "collect", "trash/api", "execution", "sign-in"],
    ["credit", "dispatch", "stats"],
    ["agent-api", "integrity"],
    ["compose"],
    ["", "migrate"],
  ],
  portal: [
    ["api", "manifest"],
    ["ui"],
    ["charts", "log", "editing"],
    [
      "pages/credits",
      "pages/job",
      "pages/jobs",
      "pages/nodes",
      "pages/overview",
      "pages/schedules",
      "pages/settings",
      "pages/submit",
      "pages/templates",
    ],
    [""],
  ],
  cmd: [
    ["exit"],
    ["input"],
    ["output"],
    ["command"],
    ["api", "completion", "quickstart", "workspace"],
    ["oauth"],
    ["credentials"],
    ["connection"],
    ["files"],
    ["workflow/draft"],
    [
      "agent",
      "api-key",
      "artifact",
      "audit",
      "auth",
      "credit",
      "execution",
      "job",
      "member",
      "node",
      "secret",
      "server",
      "stats",
      "trash",
    ],
    ["template", "workflow"],
    ["schedule"],
    [""],
  ],
};

test("no import runs back up between the folders of a program", () => {
  expect(sourceFiles().flatMap(upwardImports)).toEqual([]);
});

test("every folder has a floor, and every folder on a floor exists", () => {
  const folders = new Set(sourceFiles().map((file) => posix.dirname(file.path)));
  const known = Object.entries(floorsOf).flatMap(([program, floors]) =>
    floors.flat().map((folder) => posix.join(program, folder)),
  );
  const programs = Object.keys(floorsOf);
  const existing = [...folders].filter((folder) => programs.includes(programOf(folder)));
  expect(known.sort()).toEqual(existing.sort());
});

test("an import against the order is found; an import by a test or down the floors is not", () => {
  const up = 'import { Dispatcher } from "../dispatch/dispatcher.ts";';
  expect(upwardImports({ path: "server/job/job-service.ts", text: up })).toEqual([
    "server/job/job-service.ts imports ../dispatch/dispatcher.ts: server/dispatch is above server/job",
  ]);
  const across = 'import type { LogStore } from "../log/log-store.ts";';
  expect(upwardImports({ path: "server/job/job-service.ts", text: across })).toHaveLength(1);
  expect(upwardImports({ path: "server/job/job-service.test.ts", text: up })).toEqual([]);
  expect(upwardImports({ path: "server/agent-api/agent-service.ts", text: up })).toEqual([]);
  expect(upwardImports({ path: "agent/process/pipes.ts", text: 'import "../agent.ts";' })).toHaveLength(1);
});

function upwardImports({ path, text }: SourceFile): string[] {
  if (path.endsWith(".test.ts")) return [];
  const folder = posix.dirname(path);
  return importedPaths(text).flatMap((imported) => {
    const target = posix.dirname(posix.join(folder, imported));
    if (target === folder || programOf(target) !== programOf(folder)) return [];
    const [from, to] = [floorOf(folder), floorOf(target)];
    if (from === undefined || to === undefined || to < from) return [];
    const where = to === from ? "on the same floor as" : "above";
    return [`${path} imports ${imported}: ${target} is ${where} ${folder}`];
  });
}

/** Counted from the ground. Undefined for a folder that has no floor; another test reports those. */
function floorOf(folder: string): number | undefined {
  const program = programOf(folder);
  const inside = posix.relative(program, folder);
  const floor = floorsOf[program]?.findIndex((folders) => folders.includes(inside));
  return floor === -1 ? undefined : floor;
}

function programOf(folder: string): string {
  return folder.split("/")[0] ?? folder;
}

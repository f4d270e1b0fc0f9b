import { expect, test } from "bun:test";
import { posix } from "node:path";
import { importedPaths, type Room, roomOf, type SourceFile, sourceFiles } from "./source.ts";

/** Which rooms a room may import from, besides itself. */
const mayImport: Record<Room, readonly Room[]> = {
  shared: [],
  sdk: ["shared"],
  agent: ["sdk", "shared"],
  server: ["shared"],
  // The portal stands on the SDK alone, as anybody's program would.
  portal: ["sdk"],
  cmd: ["agent", "server", "sdk", "shared"],
  tests: ["cmd", "agent", "server", "portal", "sdk", "shared", "bench"],
  bench: ["cmd", "agent", "server", "sdk", "shared", "tests"],
};

/** Colours and pictures, with no code in them, for everything that has a face. */
const LOOK = "shared/look/";

test("imports go one way: shared ← sdk ← agent, cmd; shared ← server; only cmd may import all", () => {
  expect(sourceFiles().flatMap(importViolations)).toEqual([]);
});

test("an import in the wrong direction is found, whatever its form", () => {
  const bad = [
    'import { a } from "../server/start.ts";',
    'import type { A } from "../server/start.ts";',
    'export * from "../server/start.ts";',
    'const a = await import("../server/start.ts");',
    'import "../server/start.ts";',
    'import {\n  a,\n} from "../server/start.ts";',
  ];
  for (const text of bad) {
    expect(importViolations({ path: "agent/agent.ts", text })).toEqual([
      "agent/agent.ts imports ../server/start.ts: agent may import only sdk, shared",
    ]);
  }
  expect(importViolations({ path: "server/job/x.ts", text: 'import "../../cmd/main.ts";' })).toHaveLength(1);
  expect(importViolations({ path: "shared/job.ts", text: 'import "../sdk/client.ts";' })).toHaveLength(1);
});

test("the portal takes the look of the pages from shared, and nothing else", () => {
  const found = (imported: string) =>
    importViolations({ path: "portal/shell.tsx", text: `import mark from "${imported}";` });
  expect(found("../shared/look/mark.svg")).toEqual([]);
  expect(found("../shared/money.ts")).toHaveLength(1);
});

test("a test next to its source may import the support code of the tests", () => {
  const text = 'import { waitFor } from "../tests/support/wait.ts";';
  expect(importViolations({ path: "agent/agent.test.ts", text })).toEqual([]);
  expect(importViolations({ path: "agent/agent.ts", text })).toHaveLength(1);
});

test("a relative import names the file with its extension", () => {
  expect(importViolations({ path: "sdk/jobs.ts", text: 'import { a } from "./client";' })).toEqual([
    "sdk/jobs.ts imports ./client without its extension",
  ]);
});

function importViolations(file: SourceFile): string[] {
  const room = roomOf(file.path);
  if (!room) return [];
  const allowed: Room[] = [room, ...mayImport[room]];
  if (file.path.endsWith(".test.ts")) allowed.push("tests");
  return importedPaths(file.text).flatMap((imported) => {
    const found: string[] = [];
    if (!/\.\w+$/.test(imported)) found.push(`${file.path} imports ${imported} without its extension`);
    const path = posix.join(posix.dirname(file.path), imported);
    const target = path.startsWith(LOOK) ? undefined : roomOf(path);
    if (target && !allowed.includes(target)) {
      found.push(`${file.path} imports ${imported}: ${room} may import only ${mayImport[room].join(", ")}`);
    }
    return found;
  });
}

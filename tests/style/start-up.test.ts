import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { root } from "./source.ts";

/** What `job submit` loads before it does anything. */
const LOADED = loadedFrom(["cmd/main.ts", "cmd/program.ts", "cmd/job/submit.ts"]);
/** A little above what it is today; each module takes time at the start of a command that scripts call often. */
const MAX_MODULES = 160;

test("a job is submitted with few modules, and without those that only other commands or options need", () => {
  const paths = [...LOADED.keys()];
  expect(paths.length).toBeLessThan(MAX_MODULES);
  const needless = [
    // Schemas of fields that the job does not have.
    "shared/manifest.ts",
    "shared/workflow-run.ts",
    "shared/execution.ts",
    "shared/ids.ts",
    // The files that it sends, and the jobs that it names.
    "cmd/files/send-inputs.ts",
    "cmd/connection/find-id.ts",
    // The job's output.
    "cmd/job/attached.ts",
    "cmd/job/array-output.ts",
    // The servers of this account.
    "shared/sockets/local-server.ts",
  ];
  expect(paths.filter((path) => needless.includes(path))).toEqual([]);
});

test("a job is submitted without node:crypto, which loads the streams of Node too", () => {
  const users = [...LOADED].filter(([, text]) => /^import (?!type\b)[^;]*from "node:crypto"/m.test(text));
  expect(users.map(([path]) => path)).toEqual([]);
});

test("a server does not load what takes much memory and only some servers need", () => {
  const server = loadedFrom(["cmd/server/server.ts", "server/start.ts"]);
  const needless =
    /^import (?!type\b)[^;]*from "(mongodb|openid-client|nodemailer|@simplewebauthn\/server)"/m;
  expect([...server].filter(([, text]) => needless.test(text)).map(([path]) => path)).toEqual([]);
});

/** These files and all that they import at once, by path. */
function loadedFrom(entries: readonly string[]): Map<string, string> {
  const texts = new Map<string, string>();
  const open = [...entries];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (texts.has(path)) continue;
    const text = readFileSync(join(root, path), "utf8");
    texts.set(path, text);
    for (const imported of valuesImported(text)) open.push(posix.join(posix.dirname(path), imported));
  }
  return texts;
}

/** The relative paths of which a module needs more than types, as soon as it is loaded. */
function valuesImported(text: string): string[] {
  const statements = text.matchAll(/^(?:import|export) (?!type\b)(?:[^;"']*\bfrom)? *"(\.[^"]+\.ts)"/gm);
  return [...statements].map((match) => match[1] ?? "");
}

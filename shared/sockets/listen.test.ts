import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { makeScratch, type Scratch } from "../../tests/support/scratch.ts";
import { listenOn } from "./listen.ts";
import { socketPath } from "./socket-path.ts";

const modeOf = (path: string) => statSync(path).mode & 0o777;
const nobody = { open: () => {}, data: () => {} };

let scratch: Scratch;
let runtimeDir: string | undefined;
/** In a directory whose path is too long for a socket. */
let path: string;
let place: string;

beforeEach(async () => {
  scratch = await makeScratch();
  runtimeDir = process.env.XDG_RUNTIME_DIR;
  process.env.XDG_RUNTIME_DIR = scratch.path;
  path = socketPath(scratch.join("x".repeat(120)), "control");
  place = dirname(path);
});
afterEach(async () => {
  if (runtimeDir === undefined) delete process.env.XDG_RUNTIME_DIR;
  else process.env.XDG_RUNTIME_DIR = runtimeDir;
  await scratch[Symbol.asyncDispose]();
});

test("a socket that has no room in its own directory is in one for this account, and both are removed", () => {
  expect(place).toBe(join(scratch.path, "tanvrit-compute"));
  const stop = listenOn(path, nobody);
  expect([modeOf(place), modeOf(path)]).toEqual([0o700, 0o600]);
  stop();
  expect(existsSync(place)).toBe(false);
});

test("the place stays as long as somebody else's socket is there", () => {
  const stop = listenOn(path, nobody);
  const stopOther = listenOn(join(place, "other"), nobody);
  stop();
  expect(existsSync(join(place, "other"))).toBe(true);
  stopOther();
  expect(existsSync(place)).toBe(false);
});

test("what a killed process left in its place is listened on anew", () => {
  mkdirSync(place, { mode: 0o700 });
  writeFileSync(path, "");
  listenOn(path, nobody)();
  expect(existsSync(path)).toBe(false);
});

test("a place that others may look into is closed to them; one that they may write to, or a link, is refused", () => {
  mkdirSync(place);
  chmodSync(place, 0o755);
  const stop = listenOn(path, nobody);
  expect(modeOf(place)).toBe(0o700);
  stop();

  mkdirSync(place);
  chmodSync(place, 0o777);
  expect(() => listenOn(path, nobody)).toThrow(/is not this account's alone/);
  chmodSync(place, 0o700);

  process.env.XDG_RUNTIME_DIR = scratch.join("linked");
  mkdirSync(process.env.XDG_RUNTIME_DIR);
  const linked = socketPath(scratch.join("x".repeat(120)), "control");
  symlinkSync(place, dirname(linked));
  expect(() => listenOn(linked, nobody)).toThrow(/is not this account's alone/);
});

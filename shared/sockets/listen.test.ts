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
/** A socket of a directory whose path is too long for a socket. */
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

test("a socket whose own path is too long is put into a directory of this account, and both are removed", () => {
  expect(place).toBe(join(scratch.path, "tanvrit-compute"));
  const stop = listenOn(path, nobody);
  expect([modeOf(place), modeOf(path)]).toEqual([0o700, 0o600]);
  stop();
  expect(existsSync(place)).toBe(false);
});

test("the directory stays while it has another socket", () => {
  const stop = listenOn(path, nobody);
  const stopOther = listenOn(join(place, "other"), nobody);
  stop();
  expect(existsSync(join(place, "other"))).toBe(true);
  stopOther();
  expect(existsSync(place)).toBe(false);
});

test("a socket left by a killed process is replaced", () => {
  mkdirSync(place, { mode: 0o700 });
  writeFileSync(path, "");
  listenOn(path, nobody)();
  expect(existsSync(path)).toBe(false);
});

test("a directory others may read is closed to them; a directory they may write to, or a link, is refused", () => {
  mkdirSync(place);
  chmodSync(place, 0o755);
  const stop = listenOn(path, nobody);
  expect(modeOf(place)).toBe(0o700);
  stop();

  mkdirSync(place);
  chmodSync(place, 0o777);
  expect(() => listenOn(path, nobody)).toThrow(/does not belong to this account alone/);
  chmodSync(place, 0o700);

  process.env.XDG_RUNTIME_DIR = scratch.join("linked");
  mkdirSync(process.env.XDG_RUNTIME_DIR);
  const linked = socketPath(scratch.join("x".repeat(120)), "control");
  symlinkSync(place, dirname(linked));
  expect(() => listenOn(linked, nobody)).toThrow(/does not belong to this account alone/);
});

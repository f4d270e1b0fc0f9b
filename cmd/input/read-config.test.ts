import { expect, test } from "bun:test";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { agentFile } from "../../agent/profile/agent-file.ts";
import { forAllTests } from "../../tests/support/for-all-tests.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { CliError } from "../exit/failure.ts";
import { readConfigFile } from "./read-config.ts";

const { path: dir } = forAllTests(await makeScratch());

/** The error about the file that `make` makes at the usual place; undefined if it is accepted. */
async function complaint(make: (path: string) => void): Promise<string | undefined> {
  const path = join(dir, "agent.yaml");
  rmSync(path, { recursive: true, force: true });
  make(path);
  try {
    await readConfigFile(agentFile, { named: undefined, fallback: path });
    return undefined;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    expect(error.code).toBe("bad_configuration");
    expect(error.message).toContain(path);
    return error.message;
  }
}

test("anything that is not a file of moderate size is refused immediately, and the error says why", async () => {
  expect(await complaint((path) => mkdirSync(path))).toContain("it is a directory");
  expect(await complaint((path) => Bun.spawnSync(["mkfifo", path]))).toContain("it is a pipe");
  expect(await complaint((path) => writeFileSync(path, "#".repeat(300_000)))).toContain(
    "the limit is 256 KiB",
  );
});

test("a link to a file that is gone does not count as having no file, which would drop all limits", async () => {
  expect(await complaint((path) => symlinkSync("nowhere", path))).toContain(
    "a link to a file that does not exist",
  );
  expect(await complaint(() => {})).toBeUndefined();
});

test("bytes that are not UTF-8 are refused with their line, not read as something else", async () => {
  const latin1 = Buffer.from("slots: 2\nname: caf\xe9\n", "latin1");
  expect(await complaint((path) => writeFileSync(path, latin1))).toContain(
    "agent.yaml:2:10: this is not UTF-8",
  );
  const utf16 = Buffer.from("\ufefflimits:\n  cpu: 1\n", "utf16le");
  expect(await complaint((path) => writeFileSync(path, utf16))).toContain(
    "agent.yaml:1:1: this is not UTF-8",
  );
  const withMark = "\ufefflimits:\r\n  cpu: 1\r\n";
  expect(await complaint((path) => writeFileSync(path, withMark))).toBeUndefined();
});

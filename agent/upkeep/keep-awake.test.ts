import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "../../shared/logger.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { findAwakeTool } from "./awake-tool.ts";
import { KeepAwake } from "./keep-awake.ts";

let dir: string;
let said: string[];
let awake: KeepAwake[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "awake-"));
  said = [];
  awake = [];
});
afterEach(() => {
  for (const one of awake) one.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** A tool that records when it starts and ends. Like the command of systemd-inhibit, it ends when its input is closed. */
const HOLDS = `echo "$$ $*" >> "$(dirname "$0")/held"; while read line; do :; done; echo gone >> "$(dirname "$0")/held"`;

function install(name: string, script: string): void {
  writeFileSync(join(dir, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(dir, name), 0o755);
}

function keepAwake(platform: NodeJS.Platform = "linux"): KeepAwake {
  const say = (message: string) => void said.push(message);
  const log: Logger = { info: say, warn: say, error: say };
  const place = { platform, path: `${dir}:${process.env.PATH}`, isSystemd: true };
  const one = new KeepAwake({ environment: process.env, log, place, settleMs: 10 });
  awake.push(one);
  return one;
}

const notes = () => (existsSync(join(dir, "held")) ? readFileSync(join(dir, "held"), "utf8") : "");

const until = (what: string, condition: () => boolean) => waitFor(what, condition, { seen: notes });

describe("while jobs run", () => {
  test("one process of the system's tool keeps the machine awake, and ends when no job runs", async () => {
    install("systemd-inhibit", HOLDS);
    const one = keepAwake();
    one.want(true);
    await until("the tool runs", () => notes() !== "");
    expect(notes()).toContain("--what=sleep:idle --mode=block");
    one.want(true);
    one.want(false);
    await until("the tool ends", () => notes().includes("gone"));
    expect(notes().split("\n")).toHaveLength(3);
    one.want(true);
    await until("it runs again", () => notes().split("\n").length === 4);
    expect(said).toEqual([]);
  });

  test("the tool is not started for a job of a moment, or against the owner's will", async () => {
    install("systemd-inhibit", HOLDS);
    const [brief, unwilling, marker] = [keepAwake(), keepAwake(), keepAwake()];
    brief.want(true);
    brief.want(false);
    unwilling.setEnabled(false);
    unwilling.want(true);
    marker.want(true);
    await until("the tool that may run", () => notes() !== "");
    expect(notes().split("\n")).toHaveLength(2);
  });

  test("the owner may change their mind", async () => {
    install("systemd-inhibit", HOLDS);
    const one = keepAwake();
    one.want(true);
    await until("the tool runs", () => notes() !== "");
    one.setEnabled(false);
    await until("the tool ends", () => notes().includes("gone"));
  });

  test("a tool that fails is logged once, with its own words, and not tried again", async () => {
    install("systemd-inhibit", "echo 'Failed to inhibit: Access denied' >&2; exit 1");
    const one = keepAwake();
    one.want(true);
    await until("the failure", () => said.length > 0);
    expect(said[0]).toContain("systemd-inhibit: Failed to inhibit: Access denied");
    install("systemd-inhibit", HOLDS);
    one.want(false);
    one.want(true);
    const marker = keepAwake();
    marker.want(true);
    await until("the tool that did not fail before", () => notes() !== "");
    expect(notes().split("\n")).toHaveLength(2);
    expect(said).toHaveLength(1);
  });

  test("a machine without such a tool is left alone, and nothing is logged", async () => {
    const one = keepAwake("freebsd");
    one.want(true);
    install("systemd-inhibit", HOLDS);
    keepAwake().want(true);
    await until("the tool on the machine that has it", () => notes() !== "");
    expect(notes().split("\n")).toHaveLength(2);
    expect(said).toEqual([]);
  });
});

describe("the tool", () => {
  const find = (platform: NodeJS.Platform, isSystemd = true) =>
    findAwakeTool({ platform, path: `${dir}:/bin:/usr/bin`, isSystemd });

  test("of macOS waits for this process", () => {
    install("caffeinate", "");
    expect(find("darwin")?.command).toEqual([join(dir, "caffeinate"), "-i", "-s", "-w", String(process.pid)]);
  });

  test("of Windows ends with its input", () => {
    install("powershell.exe", "");
    expect(find("win32")?.command.at(-1)).toContain("ReadToEnd");
  });

  test("of Linux is systemd's, if the machine runs systemd", () => {
    install("systemd-inhibit", "");
    expect(find("linux")?.name).toBe("systemd-inhibit");
    expect(find("linux", false)).toBeUndefined();
  });
});

test("the tool ends when the agent is killed", async () => {
  install("systemd-inhibit", HOLDS);
  const script = `import { KeepAwake } from ${JSON.stringify(join(import.meta.dirname, "keep-awake.ts"))};
    const log = { info() {}, warn() {}, error() {} };
    const place = { platform: "linux", path: ${JSON.stringify(`${dir}:${process.env.PATH}`)}, isSystemd: true };
    new KeepAwake({ environment: process.env, log, place, settleMs: 1 }).want(true);
    setInterval(() => {}, 60_000);`;
  const agent = Bun.spawn([process.execPath, "-e", script], { stdio: ["ignore", "ignore", "inherit"] });
  await until("the tool runs", () => notes() !== "");
  agent.kill("SIGKILL");
  await until("the tool ends", () => notes().includes("gone"));
});

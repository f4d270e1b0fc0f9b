import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { Emitter } from "../../shared/emitter.ts";
import { agentFile } from "../profile/agent-file.ts";
import { ServerClock } from "../session/server-clock.ts";
import { Condition } from "../worker/condition.ts";
import { type HealthFacts, lookAtDisk } from "./health.ts";
import { Upkeep } from "./upkeep.ts";

const offlineAfterSeconds = 30;

let over: AbortController;
let said: string[];
/** Called on everything the upkeep logs or does. */
let onNews: () => void;

beforeEach(() => {
  over = new AbortController();
  said = [];
  onNews = () => {};
});
afterEach(() => over.abort());

/** An upkeep in a played agent: the test decides what runs and how the machine is. */
function stage(settings: object) {
  const note = (text: string) => {
    said.push(text);
    onNews();
  };
  const worker = {
    running: 0,
    unsent: 0,
    isDraining: false,
    loadChanged: new Emitter(),
    startFailed: new Emitter(),
  };
  const machine = { facts: lookAtDisk(tmpdir()) as HealthFacts, slept: 0, isOwn: true };
  const clock = new ServerClock();
  const condition = new Condition();
  const connection = { isPatient: false };
  condition.changed.subscribe(() => onNews());
  const upkeep = new Upkeep({
    stateDir: "/state",
    care: agentFile.parse(settings),
    worker,
    condition,
    clock,
    connection,
    keepAwake: {
      want: (isWanted) => void (isWanted && note("keep awake")),
      setEnabled: (isEnabled) => note(`may keep awake: ${isEnabled}`),
      stop: () => note("let sleep"),
    },
    rest: () => note("rest"),
    makeRoom: () => false,
    hurry: () => note("hurry"),
    ownsStateDir: () => machine.isOwn,
    onStateDirLost: () => note("directory lost"),
    log: { info: note, warn: note, error: note },
    clocks: { wallMs: () => performance.now() + machine.slept, monotonicMs: () => performance.now() },
    lookAtDisk: () => machine.facts,
  });
  const done = upkeep.run({ offlineAfterSeconds }, over.signal);
  const load = (running: number, unsent = 0) => {
    Object.assign(worker, { running, unsent });
    worker.loadChanged.emit();
  };
  return { upkeep, worker, machine, clock, condition, connection, load, done };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  onNews = () => condition() && resolve();
  onNews();
  const late = setTimeout(() => resolve(), 10_000);
  await promise;
  clearTimeout(late);
  if (!condition()) throw new Error(`not within 10 s: ${what}; said ${said.join("\n")}`);
}

describe("an agent with nothing to do", () => {
  test("sleeps and ends the process that waits for jobs; a job wakes it", async () => {
    const { condition, connection, load } = stage({ idleSuspendSeconds: 0.02 });
    await until("asleep", () => said.includes("rest"));
    expect(said).toContain("Nothing to do for 0.02 s; asleep until a job comes.");
    expect(condition.value.suspended).toBe(true);
    expect(connection.isPatient).toBe(true);
    load(1);
    expect(said).toContain("Awake: a job came.");
    expect(condition.value.suspended).toBe(false);
    expect(connection.isPatient).toBe(false);
  });

  test("does not sleep before everything is delivered", async () => {
    const { condition, load } = stage({ idleSuspendSeconds: 0 });
    load(1);
    load(0, 1);
    expect(condition.value.suspended).toBe(false);
    load(0, 0);
    await until("asleep", () => condition.value.suspended);
  });

  test("stays awake unless its owner sets idleSuspendSeconds, and wakes when the owner removes it", async () => {
    const { upkeep, condition } = stage({});
    expect(condition.value.suspended).toBe(false);
    upkeep.configure(agentFile.parse({ idleSuspendSeconds: 0 }));
    await until("asleep", () => condition.value.suspended);
    upkeep.configure(agentFile.parse({}));
    expect(condition.value.suspended).toBe(false);
  });

  test("wakes when its owner makes idleSuspendSeconds longer than it has been idle", async () => {
    const { upkeep, condition } = stage({ idleSuspendSeconds: 0 });
    await until("asleep", () => condition.value.suspended);
    upkeep.configure(agentFile.parse({ idleSuspendSeconds: 0, slots: 2 }));
    expect(condition.value.suspended).toBe(true);
    upkeep.configure(agentFile.parse({ idleSuspendSeconds: 3_600 }));
    expect(condition.value.suspended).toBe(false);
    expect(said).toContain("Awake: agent.yaml now lets it sleep only later.");
  });

  test("does not sleep while it is about to end", async () => {
    const { worker, condition, done } = stage({ idleSuspendSeconds: 0 });
    worker.isDraining = true;
    await new Promise((resolve) => setTimeout(resolve));
    expect(condition.value.suspended).toBe(false);
    over.abort();
    await done;
  });
});

test("while jobs run the machine is kept awake if its owner allows it, until the agent ends", async () => {
  const { upkeep, load, done } = stage({});
  expect(said).toContain("may keep awake: true");
  upkeep.configure(agentFile.parse({ keepAwake: false }));
  expect(said).toContain("may keep awake: false");
  expect(said).not.toContain("keep awake");
  load(1);
  expect(said).toContain("keep awake");
  over.abort();
  await done;
  expect(said).toContain("let sleep");
});

describe("after the machine slept", () => {
  test("the rule is logged, the server is asked immediately, and its time is learned again", async () => {
    const { machine, clock, load } = stage({});
    clock.sample(new Date().toISOString(), Date.now(), Date.now());
    load(2);
    machine.slept = 300_000;
    await until("asking", () => said.includes("hurry"));
    const told = said.find((one) => one.includes("slept")) ?? "";
    expect(told).toContain("slept for about 300 s");
    expect(told).toContain("silent for 30 s; asking it which of the 2 here");
    expect(clock.localAheadMs).toBeUndefined();
  });
});

describe("an unhealthy machine", () => {
  test("refuses work from the first look with a reason, logged once, and takes work again when the problem is over", async () => {
    const { upkeep, machine, condition } = stage({ minFreeDiskMb: 1_000_000_000 });
    expect(condition.value.refusing).toContain("1000000000 MiB must be");
    expect(said.filter((one) => one.startsWith("Taking no new jobs: only "))).toHaveLength(1);
    upkeep.configure(agentFile.parse({ minFreeDiskMb: 0 }));
    expect(condition.value.refusing).toBeUndefined();
    expect(said.at(-1)).toBe("Taking new jobs again: the problem is over.");
    machine.facts = { unwritable: "EROFS" };
    upkeep.configure(agentFile.parse({}));
    expect(condition.value.refusing).toContain("cannot write to /state (EROFS)");
  });

  test("is checked immediately when a job could not be started, and so is its directory", () => {
    const { worker, machine, condition } = stage({});
    machine.facts = { unwritable: "ENOSPC" };
    machine.isOwn = false;
    expect(said).not.toContain("directory lost");
    worker.startFailed.emit();
    expect(condition.value.refusing).toContain("(ENOSPC)");
    expect(said).toContain("directory lost");
  });

  test("refuses work when its clock is far from the server's", () => {
    const { upkeep, clock, condition } = stage({ minFreeDiskMb: 0 });
    const aheadMs = 20 * 60_000;
    clock.sample(new Date(Date.now() - aheadMs).toISOString(), Date.now(), Date.now());
    upkeep.configure(agentFile.parse({ minFreeDiskMb: 0 }));
    expect(condition.value.refusing).toContain("clock is 20 minutes ahead of the server's");
  });
});

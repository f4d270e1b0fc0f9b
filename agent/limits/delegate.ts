import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { pause } from "../../shared/wait.ts";
import {
  type CgroupFiles,
  type CgroupTree,
  cgroupMounts,
  groupDirectory,
  kernelFiles,
  ownGroups,
} from "./cgroup.ts";
import { CgroupV2 } from "./cgroup-v2.ts";

/**
 * The group of this process itself, next to the groups of its jobs: a group whose children have limits must not contain
 * processes. A unit with `DelegateSubgroup=tanvrit-agent` starts this process there, which means that it may use the
 * parent group.
 */
const OWN_GROUP = "tanvrit-agent";
const WANTED = ["cpu", "memory", "pids"];
const BUS_LIMIT_MS = 5_000;

export interface DelegateOptions {
  mountinfo?: string;
  selfCgroup?: string;
  files?: CgroupFiles;
  /** Moves this process to a scope of its own; undefined if systemd does not run. */
  moveToScope?: (() => Promise<boolean>) | undefined;
}

/**
 * Finds or creates a part of the version 2 hierarchy that belongs to this process alone: a delegated unit, a scope that
 * systemd creates for it, or a group without other processes, as in a container. undefined: none of these is possible.
 */
export async function findCgroupV2(options: DelegateOptions = {}): Promise<CgroupTree | undefined> {
  const files = options.files ?? kernelFiles;
  const here = () => ownDirectory(options, files);
  let own = here();
  if (!own || !hasControllers(files, own)) return undefined;
  if (own.endsWith(`/${OWN_GROUP}`)) return divide(files, dirname(own));
  const moveToScope = "moveToScope" in options ? options.moveToScope : scopeMover();
  if (moveToScope) {
    // Groups that systemd manages may be divided only with its consent, which comes with a scope of its own.
    if (!(await moveToScope())) return undefined;
    own = (await changedFrom(own, here)) ?? "";
    if (own === "") return undefined;
  }
  // Only the root group has no type. It may contain processes next to groups with limits.
  if (files.read(`${own}/cgroup.type`) === undefined) return divide(files, own);
  return moveIntoOwnGroup(files, own) ? divide(files, own) : undefined;
}

function ownDirectory(options: DelegateOptions, files: CgroupFiles): string | undefined {
  const mounts = cgroupMounts(files.read(options.mountinfo ?? "/proc/self/mountinfo") ?? "");
  const group = ownGroups(files.read(options.selfCgroup ?? "/proc/self/cgroup") ?? "").get("");
  const mount = mounts.find((one) => one.kind === "cgroup2");
  return mount && group !== undefined ? groupDirectory(mount, group) : undefined;
}

function hasControllers(files: CgroupFiles, path: string): boolean {
  return words(files.read(`${path}/cgroup.controllers`)).some((name) => WANTED.includes(name));
}

/** Enables the available controllers for the groups below `base`. */
function divide(files: CgroupFiles, base: string): CgroupTree | undefined {
  if (!files.isWritable(base)) return undefined;
  for (const name of words(files.read(`${base}/cgroup.controllers`))) {
    if (!WANTED.includes(name)) continue;
    try {
      files.write(`${base}/cgroup.subtree_control`, `+${name}`);
    } catch {
      // Not allowed. The controllers that are enabled are read below.
    }
  }
  const enabled = new Set(
    words(files.read(`${base}/cgroup.subtree_control`)).map((name) => name.replace("+", "")),
  );
  return WANTED.some((name) => enabled.has(name)) ? new CgroupV2(base, enabled, files) : undefined;
}

/** false: the group contains processes of others, which must not be moved, or this process may not write to it. */
function moveIntoOwnGroup(files: CgroupFiles, own: string): boolean {
  const pids = words(files.read(`${own}/cgroup.procs`)).map(Number);
  if (!files.isWritable(own) || !pids.every(isOurs)) return false;
  try {
    if (!files.children(own).includes(`${own}/${OWN_GROUP}`)) files.make(`${own}/${OWN_GROUP}`);
    for (const pid of pids) files.write(`${own}/${OWN_GROUP}/cgroup.procs`, String(pid));
    return true;
  } catch {
    return false; // Not delegated to this process. Another way to enforce limits is used, and shown.
  }
}

/** This process, or the agent that started it. */
function isOurs(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    // The agent hides its executable from other processes, so names are compared.
    return pid === process.ppid && nameOf(pid) === nameOf(process.pid);
  } catch {
    return false; // The process is gone.
  }
}

function nameOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, "utf8");
}

/** Asks systemd over D-Bus, with a program that comes with systemd. */
function scopeMover(): (() => Promise<boolean>) | undefined {
  if (!existsSync("/run/systemd/system")) return undefined;
  const busctl = Bun.which("busctl");
  if (!busctl) return async () => false;
  return async () => {
    const child = Bun.spawn([busctl, ...scopeRequest(process.pid, process.getuid?.() === 0)], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
      timeout: BUS_LIMIT_MS,
      killSignal: "SIGKILL",
    });
    return (await child.exited) === 0;
  };
}

/** The arguments with which busctl creates a scope around a process, delegated to that process. */
export function scopeRequest(pid: number, isRoot: boolean): string[] {
  const manager = [
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
  ];
  const properties = [
    ["Description", "s", "Jobs of Tanvrit Compute"],
    ["PIDs", "au", "1", String(pid)],
    ["Delegate", "b", "true"],
    ["CollectMode", "s", "inactive-or-failed"],
  ];
  return [
    isRoot ? "--system" : "--user",
    "call",
    ...manager,
    "StartTransientUnit",
    "ssa(sv)a(sa(sv))",
    `tanvrit-compute-${pid}.scope`,
    "fail",
    String(properties.length),
    ...properties.flat(),
    "0",
  ];
}

/** Waits for the group to change: systemd answers before it has moved this process. */
async function changedFrom(before: string, here: () => string | undefined): Promise<string | undefined> {
  const deadlineMs = performance.now() + BUS_LIMIT_MS;
  while (performance.now() < deadlineMs) {
    const now = here();
    if (now !== before) return now;
    await pause(5);
  }
  return undefined;
}

function words(text: string | undefined): string[] {
  return (text ?? "").split(/\s+/).filter(Boolean);
}

import { accessSync, constants, statfsSync } from "node:fs";
import { textOf } from "../../shared/text-of.ts";

/** What a look at the machine found. */
export interface HealthFacts {
  /** The file system that keeps jobs and their output; undefined when the system does not say. */
  disk?: DiskFacts;
  /** Why the agent's directory cannot be written to. */
  unwritable?: string;
  /** How far this machine's clock is ahead of the server's; undefined while the server's time is unknown. */
  clockAheadMs?: number;
}

export interface DiskFacts {
  freeMb: number;
  totalMb: number;
  freeFiles: number;
  /** 0: the file system has no limit. */
  totalFiles: number;
}

export interface HealthOptions {
  stateDir: string;
  /** In MiB. The default is DEFAULT_FREE_MB, and less on a small disk. 0: no check. */
  minFreeDiskMb?: number;
}

const DEFAULT_FREE_MB = 512;
/** The default minimum is never more than this share of the disk, so that a small disk does not always count as full. */
const DEFAULT_FREE_SHARE = 0.05;
const MIN_FREE_FILES = 1_000;
const MIN_FREE_FILES_SHARE = 0.01;
const MAX_CLOCK_ERROR_MS = 5 * 60_000;
/** A problem is over only when the value is better than its limit by this factor. */
const CLEARANCE = 1.2;

/** Returns the problem; undefined: all is well. `isRaised`: the rule found the problem at the last look. */
type Rule = (facts: HealthFacts, options: HealthOptions, isRaised: boolean) => string | undefined;

/** The first problem is the one that is reported. Each is one clause: what is wrong, with numbers, and what to do. */
const rules: readonly Rule[] = [unwritable, lowDisk, fewFiles, wrongClock];

/** Decides from the facts whether this machine may take jobs. A problem stays until it is clearly over. */
export class Health {
  /** The problems as first worded. Numbers that change do not make a new report. */
  private readonly raised = new Map<Rule, string>();

  constructor(public options: HealthOptions) {}

  /** The disk is too full for jobs. */
  get lacksRoom(): boolean {
    return this.raised.has(lowDisk) || this.raised.has(fewFiles);
  }

  /** Why this machine can take no jobs, as one clause; undefined: it can. */
  judge(facts: HealthFacts): string | undefined {
    for (const rule of rules) {
      const problem = rule(facts, this.options, this.raised.has(rule));
      if (problem === undefined) this.raised.delete(rule);
      else if (!this.raised.has(rule)) this.raised.set(rule, problem);
    }
    return rules.map((rule) => this.raised.get(rule)).find((problem) => problem !== undefined);
  }
}

/** Looks at the disk below the agent's directory. */
export function lookAtDisk(stateDir: string): Pick<HealthFacts, "disk" | "unwritable"> {
  try {
    accessSync(stateDir, constants.R_OK | constants.W_OK | constants.X_OK);
    const { bsize, bavail, blocks, ffree, files } = statfsSync(stateDir);
    const mbOf = (count: number) => Math.floor((count * bsize) / 1024 / 1024);
    // Windows does not count files.
    const freeFiles = process.platform === "win32" ? 0 : ffree;
    const totalFiles = process.platform === "win32" ? 0 : files;
    return { disk: { freeMb: mbOf(bavail), totalMb: mbOf(blocks), freeFiles, totalFiles } };
  } catch (error) {
    return { unwritable: textOf(error) };
  }
}

function unwritable({ unwritable }: HealthFacts, { stateDir }: HealthOptions): string | undefined {
  if (unwritable === undefined) return undefined;
  return `the agent cannot write to ${stateDir} (${unwritable}); make it writable again`;
}

function lowDisk({ disk }: HealthFacts, options: HealthOptions, isRaised: boolean): string | undefined {
  if (!disk) return undefined;
  const { freeMb, totalMb } = disk;
  const neededMb =
    options.minFreeDiskMb ?? Math.min(DEFAULT_FREE_MB, Math.floor(totalMb * DEFAULT_FREE_SHARE));
  if (freeMb >= neededMb * (isRaised ? CLEARANCE : 1)) return undefined;
  return `only ${freeMb} MiB are free below ${options.stateDir}, and ${neededMb} MiB must be free (minFreeDiskMb in agent.yaml); free some space there`;
}

function fewFiles({ disk }: HealthFacts, { stateDir }: HealthOptions, isRaised: boolean): string | undefined {
  if (!disk || disk.totalFiles === 0) return undefined;
  const needed = Math.min(MIN_FREE_FILES, Math.floor(disk.totalFiles * MIN_FREE_FILES_SHARE));
  if (disk.freeFiles >= needed * (isRaised ? CLEARANCE : 1)) return undefined;
  return `only ${disk.freeFiles} more files fit below ${stateDir}, and room for ${needed} is needed (its file system runs out of inodes); remove some files there`;
}

/** Leases follow the server's clock. Timestamps in logs, certificate checks and jobs that use the time do not. */
function wrongClock({ clockAheadMs }: HealthFacts, _: HealthOptions, isRaised: boolean): string | undefined {
  if (clockAheadMs === undefined) return undefined;
  if (Math.abs(clockAheadMs) <= MAX_CLOCK_ERROR_MS / (isRaised ? CLEARANCE : 1)) return undefined;
  const minutes = Math.round(Math.abs(clockAheadMs) / 6_000) / 10;
  const direction = clockAheadMs > 0 ? "ahead of" : "behind";
  return `this machine's clock is ${minutes} minutes ${direction} the server's; set it right, for example with NTP`;
}

import { accessSync, constants, statfsSync } from "node:fs";
import { textOf } from "../../shared/text-of.ts";

/** What a look at the machine finds. */
export interface HealthFacts {
  /** Of the file system where jobs and their output are kept; undefined where the system does not say. */
  disk?: DiskFacts;
  /** Why the agent's directory cannot be written to. */
  unwritable?: string;
  /** What this machine's clock is ahead of the server's; undefined as long as nothing is known of it. */
  clockAheadMs?: number;
}

export interface DiskFacts {
  freeMb: number;
  totalMb: number;
  freeFiles: number;
  /** 0: it makes as many as are wanted. */
  totalFiles: number;
}

export interface HealthOptions {
  stateDir: string;
  /** MiB; the default is DEFAULT_FREE_MB, and less on a small disk. 0: nobody looks. */
  minFreeDiskMb?: number;
}

const DEFAULT_FREE_MB = 512;
/** A small disk must not count as full for ever. */
const DEFAULT_FREE_SHARE = 0.05;
const MIN_FREE_FILES = 1_000;
const MIN_FREE_FILES_SHARE = 0.01;
const MAX_CLOCK_ERROR_MS = 5 * 60_000;
/** What was too little must have become so much more, and what was too much so much less, before it counts as over. */
const CLEARANCE = 1.2;

/** undefined: all is well. `isRaised`: it was not so at the last look. */
type Rule = (facts: HealthFacts, options: HealthOptions, isRaised: boolean) => string | undefined;

/** In the order in which they are told; each says what is wrong in one clause, with numbers and what to do. */
const rules: readonly Rule[] = [unwritable, lowDisk, fewFiles, wrongClock];

/** Decides from what is found whether this machine may take jobs. What is wrong stays so until it is clearly over. */
export class Health {
  options: HealthOptions;
  /** What is wrong, in the words in which it was first told: numbers that move are no news. */
  private readonly raised = new Map<Rule, string>();

  constructor(options: HealthOptions) {
    this.options = options;
  }

  /** One clause why no job can be taken; undefined: one can. */
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
    // Windows knows no such number.
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
  return `only ${freeMb} MiB are free below ${options.stateDir}, and ${neededMb} MiB must be (minFreeDiskMb in agent.yaml); free some space there`;
}

function fewFiles({ disk }: HealthFacts, { stateDir }: HealthOptions, isRaised: boolean): string | undefined {
  if (!disk || disk.totalFiles === 0) return undefined;
  const needed = Math.min(MIN_FREE_FILES, Math.floor(disk.totalFiles * MIN_FREE_FILES_SHARE));
  if (disk.freeFiles >= needed * (isRaised ? CLEARANCE : 1)) return undefined;
  return `only ${disk.freeFiles} more files can be made below ${stateDir}, and ${needed} must be (its file system runs out of inodes); remove some there`;
}

/** Leases are by the server's clock, but times of logs, certificates and what jobs make of the time are not. */
function wrongClock({ clockAheadMs }: HealthFacts, _: HealthOptions, isRaised: boolean): string | undefined {
  if (clockAheadMs === undefined) return undefined;
  if (Math.abs(clockAheadMs) <= MAX_CLOCK_ERROR_MS / (isRaised ? CLEARANCE : 1)) return undefined;
  const minutes = Math.round(Math.abs(clockAheadMs) / 6_000) / 10;
  const direction = clockAheadMs > 0 ? "ahead of" : "behind";
  return `this machine's clock is ${minutes} minutes ${direction} the server's; set it right, for example by NTP`;
}

import { ptr as addressOf, cc, FFIType, type Pointer } from "bun:ffi";
import { constants, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getSystemErrorName } from "node:util";
import { textOf } from "../../shared/text-of.ts";
import type { JobAccount } from "../process/account.ts";
import type { Environment } from "../process/environment.ts";
import { CNumbers, cLists, libc } from "../process/libc.ts";
import source from "./keeper.c" with { type: "text" };

/**
 * A command to start below a keeper. A keeper is a small process between this process and the command. It is a subreaper:
 * it becomes the parent of every orphan that the job leaves. So the descendants of a keeper are exactly its job, whatever
 * they do to their session, group, environment, limits or parents. A keeper ends when nothing is left below it.
 *
 * A keeper has no program of its own: it shares the memory of this process, which makes it cheap, and waits.
 */
export interface KeptLaunch {
  /** The file to run, absolute or relative to `directory`. */
  program: string;
  argv: readonly string[];
  env: Environment;
  directory: string;
  /** Files of the control groups that the command's process enters first. */
  groups: readonly string[];
  /** The name of the keeper, by which a later supervisor finds it: at most 15 bytes. */
  name: string;
  /** Absent: the account of this process. */
  account: JobAccount | undefined;
  stdout: number;
  stderr: number;
  /** The descriptor to which the keeper writes its reports, and the number that it gives them. */
  status: number;
  number: number;
  umask: number | undefined;
  /** The soft limit of open files. */
  openFiles: number | undefined;
  mark: bigint;
}

/** A keeper that starts its command. */
export interface Kept {
  keeperPid: number;
  /** Call it when the first report is there: what the start needs can be forgotten. */
  launched(): void;
  /** Call it once the keeper was reaped and nothing of the job is left: its memory can be used again. */
  reaped(): void;
}

/** The size of a report: eight numbers of eight bytes. */
export const RECORD_BYTES = 64;

const LAUNCHED = 1;
const ENDED = 2;
const GONE = 4;

/** What a keeper says of itself and its command. */
export interface Report {
  /** The keeper's. */
  number: number;
  /** The command runs as this process; or it could not be started, and why. */
  launched?: { leaderPid: number } | { error: KeptLaunchError };
  /** How the command ended. */
  ended?: Ended;
  /** Nothing is left below the keeper, which ends now. */
  isGone: boolean;
}

/** The kernel's code and status for an end, and what the command used. */
export interface Ended {
  code: number;
  status: number;
  cpuMicroseconds: number;
  maxRssBytes: number;
}

export function reportIn(record: Uint8Array): Report {
  const { buffer, byteOffset } = record;
  const all = new CNumbers((buffer as ArrayBuffer).slice(byteOffset, byteOffset + RECORD_BYTES));
  const what = all.get(1);
  const report: Report = { number: all.get(0), isGone: (what & GONE) !== 0 };
  if (what & LAUNCHED) report.launched = launchedIn(all);
  if (what & ENDED) report.ended = endedIn(all);
  return report;
}

function launchedIn(record: CNumbers): NonNullable<Report["launched"]> {
  const stage = record.get(3);
  if (stage === 0) return { leaderPid: record.get(2) };
  return { error: new KeptLaunchError(STAGES[stage] ?? "keeper", errnoName(record.get(4))) };
}

function endedIn(record: CNumbers): Ended {
  return {
    code: record.get(3),
    status: record.get(4),
    cpuMicroseconds: record.get(5) + record.get(6),
    maxRssBytes: record.get(7) * 1024,
  };
}

/** The command could not be started. Nothing of it is left except a keeper that ends by itself. */
export class KeptLaunchError extends Error {
  override name = "KeptLaunchError";

  constructor(
    readonly stage: "keeper" | "control group" | "account" | "directory" | "program",
    readonly code: string,
  ) {
    super(`${stage}: ${code}`);
  }
}

const STAGES = ["keeper", "keeper", "control group", "account", "directory", "program"] as const;
/** The fields of `struct launch`, in order. */
const FIELDS = [
  "program",
  "argv",
  "envp",
  "directory",
  "groups",
  "name",
  "accountGroups",
  "accountGroupCount",
  "user",
  "group",
  "in",
  "out",
  "err",
  "status",
  "number",
  "umask",
  "openFiles",
  "mark",
  "highestFd",
  "memory",
  "stage",
  "error",
  "keeper",
];
const KEEPER = FIELDS.indexOf("keeper");

interface Native {
  keeperMemory(): Pointer | null;
  startKept(launch: Uint32Array): number;
}

/** The source is written to the first of these that takes a file, while it is compiled. */
const PLACES = [tmpdir(), "/tmp", "/var/tmp", "/dev/shm", "/run"];

let found: Keepers | { why: string } | undefined;

/** undefined: this system has no keepers, or the runtime cannot compile here. `whyNoKeepers` says why. */
export function keepers(): Keepers | undefined {
  found ??= open();
  return found instanceof Keepers ? found : undefined;
}

/** Why there are no keepers, and what to do about it; undefined if there are. */
export function whyNoKeepers(): string | undefined {
  return keepers() ? undefined : (found as { why: string }).why;
}

/** Without keepers, jobs are started another way, and their processes are found only by their marks. */
function open(): Keepers | { why: string } {
  if (process.platform !== "linux") return { why: "they need Linux" };
  if (!libc()) return { why: "the C library of this system cannot be used" };
  let dir: string;
  try {
    dir = temporaryDirectory();
  } catch (error) {
    const tried = [...new Set(PLACES)].join(", ");
    return {
      why: `no directory for temporary files is writable (${tried}: ${textOf(error)}); set TMPDIR to one that is`,
    };
  }
  try {
    const made = new Keepers(compile(dir));
    // If a keeper is killed, this process becomes the parent of its job.
    return libc()?.becomeSubreaper() ? made : { why: "the kernel does not let this process adopt orphans" };
  } catch (error) {
    return { why: `the code that starts them could not be compiled: ${textOf(error)}` };
  }
}

/** Throws if none of the places takes a directory. */
function temporaryDirectory(): string {
  let why: unknown;
  for (const place of PLACES) {
    try {
      return mkdtempSync(join(place, "tanvrit-keeper-"));
    } catch (error) {
      why = error;
    }
  }
  throw why;
}

function compile(dir: string): Native {
  try {
    const path = join(dir, "keeper.c");
    writeFileSync(path, source, { mode: 0o600 });
    const { symbols } = cc({
      source: path,
      // A machine without a compiler has no libraries to link with.
      flags: "-nostdlib",
      symbols: {
        link_kept: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr], returns: FFIType.void },
        keeper_memory: { args: [], returns: FFIType.ptr },
        start_kept: { args: [FFIType.ptr], returns: FFIType.i32 },
      },
    });
    symbols.link_kept(
      addressOfFunction("syscall"),
      addressOfFunction("clone"),
      addressOfFunction("__errno_location"),
    );
    return { keeperMemory: () => symbols.keeper_memory() as Pointer | null, startKept: symbols.start_kept };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The address of a function of the C library. Throws if the library does not have it, as another C library may not. */
function addressOfFunction(name: string): Pointer {
  const address = libc()?.addressOf(name);
  if (!address) throw new Error(`the C library has no ${name}`);
  return address;
}

/** Starts commands below keepers. There is one instance for the whole process. */
export class Keepers {
  private readonly nullFd = openSync("/dev/null", constants.O_RDONLY);
  private readonly free: Pointer[] = [];
  /** What keepers use until they have started their commands, by their ids. */
  private readonly starting = new Map<number, unknown>();
  private readonly closesRanges = libc()?.closesRanges() ?? false;

  constructor(private readonly native: Native) {}

  /** Starts a keeper, which starts the command and writes to `status` whether it runs. Throws KeptLaunchError without a keeper. */
  start(launch: KeptLaunch): Kept {
    const memory = this.free.pop() ?? this.native.keeperMemory();
    if (!memory) throw new KeptLaunchError("keeper", "ENOMEM");
    const needed = this.fieldsOf(launch, memory);
    const error = this.native.startKept(needed.fields.memory);
    if (error !== 0) {
      this.free.push(memory);
      throw new KeptLaunchError("keeper", errnoName(error));
    }
    const keeperPid = needed.fields.get(KEEPER);
    this.starting.set(keeperPid, needed);
    const launched = () => void this.starting.delete(keeperPid);
    const reaped = () => {
      launched();
      this.free.push(memory);
    };
    return { keeperPid, launched, reaped };
  }

  /** `kept` must stay alive as long as the fields are used, because they contain its addresses. */
  private fieldsOf(launch: KeptLaunch, memory: Pointer): { fields: CNumbers; kept: unknown } {
    const { account, program, directory, name } = launch;
    const envp = Object.entries(launch.env).map(([name, value]) => `${name}=${value}`);
    const lists = cLists([[program, directory, name], launch.argv, envp, launch.groups]);
    const { texts, addresses } = lists;
    const accountGroups = new Uint32Array(account?.groups ?? [0]);
    const values: Record<string, number | undefined> = {
      program: texts[0],
      argv: addresses[1],
      envp: addresses[2],
      directory: texts[1],
      groups: addresses[3],
      name: texts[2],
      accountGroups: addressOf(accountGroups),
      accountGroupCount: account?.groups.length ?? 0,
      user: account?.uid ?? -1,
      group: account?.gid ?? -1,
      in: this.nullFd,
      out: launch.stdout,
      err: launch.stderr,
      status: launch.status,
      number: launch.number,
      umask: launch.umask ?? -1,
      openFiles: launch.openFiles ?? -1,
      mark: Number(launch.mark),
      highestFd: this.closesRanges ? 0 : highestFd(),
      memory,
    };
    const fields = CNumbers.zeros(FIELDS.length);
    for (const [i, name] of FIELDS.entries()) fields.put(i, values[name] ?? 0);
    return { fields, kept: [lists, accountGroups] };
  }
}

/** Kernels before 5.9 can only close descriptors one by one, up to this one. */
function highestFd(): number {
  return Math.max(...readdirSync("/proc/self/fd").map(Number));
}

function errnoName(error: number): string {
  return getSystemErrorName(-error);
}

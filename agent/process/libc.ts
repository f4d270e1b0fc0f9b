import { ptr as addressOf, dlopen, FFIType, type Pointer, read as readMemory } from "bun:ffi";
import { LINUX_C_LIBRARIES } from "../../shared/c-library.ts";

/** The functions of the C library for which Bun has no call. */
interface Libc {
  /** Creates a pipe: [read end, write end]. undefined: the system has no more. */
  pipe2(flags: number): [number, number] | undefined;
  /** From now on, orphans among this process's descendants become its children. false: this system cannot do that. */
  becomeSubreaper(): boolean;
  /** From now on, only root may inspect or debug this process. A program that it executes can be inspected again. */
  becomeUndumpable(): void;
  /** The size of a page of memory. */
  pageBytes(): number;
  /** Sets the soft limit of file locks, which the kernel has ignored since 2.4. undefined: no limit. false: failed. */
  setLockLimit(limit: bigint | undefined): boolean;
  /** The address of a function of the C library. */
  addressOf(name: string): Pointer | null;
  /** Whether the kernel can close a range of descriptors in one call. */
  closesRanges(): boolean;
  /** Reaps a dead child or, given a negative number, a dead child from that group. false: there is none. */
  reap(pidOrGroup: number): boolean;
  /** Reaps this child if it is dead and returns its status from `waitpid`; 0 is success. undefined: not dead, or not a child. */
  reapStatus(pid: number): number | undefined;
  /**
   * Detaches the mount at this path and all mounts inside it. The kernel removes them once nothing uses them.
   * false: this process may not unmount them.
   */
  unmount(path: string): boolean;
  /**
   * Tries to lock an open file; never waits. The kernel releases the lock when the file is closed or the process ends,
   * however it ends. The lock works across namespaces. `none`: the file system has no locks.
   */
  lockFile(fd: number, kind: "exclusive" | "shared"): "got" | "held" | "none";
  /** Replaces this program with another one under the same process id. Returns only if that fails. */
  exec(command: readonly string[], env: Readonly<Record<string, string | undefined>>): void;
}

const PR_SET_DUMPABLE = 4;
const PR_SET_CHILD_SUBREAPER = 36;
const CLOSE_RANGE = 436n;
const NO_FD = 0xffffffffn;
const WNOHANG = 1;
const MS_PRIVATE_WITH_ALL_INSIDE = 0x44000n;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
const RLIMIT_LOCKS = 10;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = 11;
const UNLIMITED = 2n ** 64n - 1n;

let found: Libc | undefined | "none";

/** The C library on Linux; undefined on other systems, or if it cannot be used. */
export function libc(): Libc | undefined {
  found ??= findLibc() ?? "none";
  return found === "none" ? undefined : found;
}

function findLibc(): Libc | undefined {
  if (process.platform !== "linux") return undefined;
  for (const library of LINUX_C_LIBRARIES) {
    try {
      return open(library);
    } catch {
      // Not the C library of this system. Every caller has a fallback, if a worse one.
    }
  }
  return undefined;
}

function open(library: string): Libc {
  const { i32, i64, u64, ptr } = FFIType;
  const { symbols } = dlopen(library, {
    pipe2: { args: [ptr, i32], returns: i32 },
    prctl: { args: [i32, u64, u64, u64, u64], returns: i32 },
    getpagesize: { args: [], returns: i32 },
    prlimit: { args: [i32, i32, ptr, ptr], returns: i32 },
    syscall: { args: [i64, u64, u64, u64], returns: i64 },
    waitpid: { args: [i32, ptr, i32], returns: i32 },
    mount: { args: [ptr, ptr, ptr, u64, ptr], returns: i32 },
    umount2: { args: [ptr, i32], returns: i32 },
    execve: { args: [ptr, ptr, ptr], returns: i32 },
    flock: { args: [i32, i32], returns: i32 },
    __errno_location: { args: [], returns: ptr },
  });
  const lookUp = dlsymOf([library, "libdl.so.2"]);
  return {
    pipe2(flags) {
      const fds = new Int32Array(2);
      return symbols.pipe2(fds, flags) === 0 ? [fds[0] as number, fds[1] as number] : undefined;
    },
    addressOf: (name) => lookUp(null, cString(name)),
    // No descriptor has this number, so the call has no effect if it works.
    closesRanges: () => symbols.syscall(CLOSE_RANGE, NO_FD, NO_FD, 0n) === 0n,
    becomeSubreaper: () => symbols.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) === 0,
    becomeUndumpable: () => void symbols.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0),
    pageBytes: () => symbols.getpagesize(),
    setLockLimit(limit) {
      const softAndHard = new BigUint64Array(2);
      if (symbols.prlimit(0, RLIMIT_LOCKS, null, softAndHard) !== 0) return false;
      softAndHard[0] = limit ?? softAndHard[1] ?? UNLIMITED;
      return symbols.prlimit(0, RLIMIT_LOCKS, softAndHard, null) === 0;
    },
    reap: (pidOrGroup) => symbols.waitpid(pidOrGroup, null, WNOHANG) > 0,
    reapStatus(pid) {
      const status = new Int32Array(1);
      return symbols.waitpid(pid, status, WNOHANG) > 0 ? status[0] : undefined;
    },
    unmount(path) {
      const at = cString(path);
      // Otherwise unmounting a copy of a tree (`mount --rbind`) would also unmount parts of the original tree.
      if (symbols.mount(null, at, null, MS_PRIVATE_WITH_ALL_INSIDE, null) !== 0) return false;
      return symbols.umount2(at, MNT_DETACH | UMOUNT_NOFOLLOW) === 0;
    },
    lockFile(fd, kind) {
      if (symbols.flock(fd, (kind === "shared" ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0) return "got";
      const errno = symbols.__errno_location();
      return errno !== null && readMemory.i32(errno) === EWOULDBLOCK ? "held" : "none";
    },
    exec(command, env) {
      const variables = Object.entries(env).flatMap(([name, value]) =>
        value === undefined ? [] : [`${name}=${value}`],
      );
      const { texts, addresses } = cLists([command, variables]);
      symbols.execve(texts[0] ?? null, addresses[0] ?? null, addresses[1] ?? null);
    },
  };
}

/** Finds `dlsym`, which moved from one library to the other. */
function dlsymOf(libraries: readonly string[]): (handle: null, name: Uint8Array) => Pointer | null {
  const { ptr } = FFIType;
  for (const library of libraries) {
    try {
      const { dlsym } = dlopen(library, { dlsym: { args: [ptr, ptr], returns: ptr } }).symbols;
      return (handle, name) => dlsym(handle, name) as Pointer | null;
    } catch {
      // Try the next library.
    }
  }
  return () => null;
}

function cString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`);
}

/** Lists of texts as C has them. The addresses hold as long as the caller keeps the whole result. */
export interface CLists {
  /** Of each list: the address of the addresses of its texts, which a null follows. */
  addresses: Pointer[];
  /** The address of each text of all lists. */
  texts: Pointer[];
  memory: readonly NodeJS.TypedArray[];
}

export function cLists(lists: readonly (readonly string[])[]): CLists {
  const all = ([] as string[]).concat(...lists);
  const joined = all.join("\0");
  const bytes = cString(joined);
  const isAscii = bytes.length === joined.length + 1;
  const table = CNumbers.zeros(all.length + lists.length);
  const texts: Pointer[] = [];
  let next: number = addressOf(bytes);
  let length = 0;
  const addresses = lists.map((list) => {
    const first = table.addressOf(length);
    for (const text of list) {
      table.put(length++, next);
      texts.push(next as Pointer);
      next += (isAscii ? text.length : Buffer.byteLength(text)) + 1;
    }
    length++; // The null.
    return first;
  });
  return { addresses, texts, memory: [bytes, table.memory] };
}

const HALF = 2 ** 32;

/** Whole numbers of eight bytes each, as C has them. Writing them as halves is far cheaper than as big integers. */
export class CNumbers {
  readonly memory: Uint32Array<ArrayBuffer>;

  constructor(memory: ArrayBuffer) {
    this.memory = new Uint32Array(memory);
  }

  static zeros(count: number): CNumbers {
    return new CNumbers(new ArrayBuffer(8 * count));
  }

  put(index: number, value: number): void {
    this.memory[2 * index] = value;
    this.memory[2 * index + 1] = Math.floor(value / HALF);
  }

  get(index: number): number {
    return (this.memory[2 * index] ?? 0) + HALF * ((this.memory[2 * index + 1] ?? 0) | 0);
  }

  addressOf(index: number): Pointer {
    return (addressOf(this.memory) + 8 * index) as Pointer;
  }
}

import { dlopen, FFIType } from "bun:ffi";
import { fstatSync, readFileSync, readlinkSync } from "node:fs";

const LIBRARIES = process.platform === "darwin" ? ["libSystem.B.dylib"] : ["libc.so.6", "libc.so"];
const POLLIN = 0x01;
const POLLERR = 0x08;
const POLLHUP = 0x10;

/** How often standard output is checked while nothing is written to it. */
const LOOK_EVERY_MS = 100;

/** Calls `onGone` once when nobody reads our standard output any more, even if nothing is written. Returns how to stop. */
export function watchReader(onGone: () => void): () => void {
  const timer = setInterval(() => {
    // When the reader goes, a pipe reports an error; a socket or a terminal reports that its other end hung up.
    if (!(pollNow(1, 0) & (POLLERR | POLLHUP))) return;
    clearInterval(timer);
    onGone();
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * Whether standard input holds something meant for us. Reads nothing. The list of a `while read` loop or the rest of a
 * script is not ours: it is a file that was partly read, or a pipe that is our parent's input too.
 */
export function hasInput(): boolean {
  try {
    const stat = fstatSync(0);
    if (stat.isFile()) return stat.size > 0 && positionOf(0) === 0;
    if (!stat.isFIFO() || !(pollNow(0, POLLIN) & POLLIN)) return false;
    return readlinkSync("/proc/self/fd/0") !== readlinkSync(`/proc/${process.ppid}/fd/0`);
  } catch {
    return false; // Not Linux, a closed input, or a parent of another account: unknown.
  }
}

function positionOf(fd: number): number {
  return Number(/^pos:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? Number.NaN);
}

type Poll = (fds: Uint8Array, count: bigint, timeoutMs: number) => number;
let poll: Poll | undefined;

/** The descriptor's poll events now; 0 also if poll cannot be called. */
function pollNow(fd: number, wanted: number): number {
  poll ??= findPoll();
  const entry = new DataView(new ArrayBuffer(8));
  entry.setInt32(0, fd, true);
  entry.setInt16(4, wanted, true);
  if (poll(new Uint8Array(entry.buffer), 1n, 0) < 1) return 0;
  return entry.getInt16(6, true);
}

function findPoll(): Poll {
  const { i32, u64, ptr } = FFIType;
  for (const library of LIBRARIES) {
    try {
      return dlopen(library, { poll: { args: [ptr, u64, i32], returns: i32 } }).symbols.poll as Poll;
    } catch {
      // Not the C library of this system.
    }
  }
  return () => 0;
}

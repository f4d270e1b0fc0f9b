import { dlopen, FFIType } from "bun:ffi";
import { closeSync } from "node:fs";

/** A pipe whose write end is for a child process. */
export interface Pipe {
  writeFd: number;
  readFd: number;
}

const O_CLOEXEC = 0o2000000;
const LIBRARIES = ["libc.so.6", "libc.so"];

let openPipe: ((fds: Int32Array) => number) | undefined | "unavailable";

/**
 * A true pipe, or undefined where the system has none to give. Bun connects children by socket pairs; on Linux
 * those cannot be opened by name, so that `echo hello > /dev/stdout` and `tee /dev/stderr` would fail in a job.
 */
export function createPipe(): Pipe | undefined {
  openPipe ??= findPipe2() ?? "unavailable";
  if (openPipe === "unavailable") return undefined;
  const fds = new Int32Array(2);
  if (openPipe(fds) !== 0) return undefined;
  return { readFd: fds[0] as number, writeFd: fds[1] as number };
}

/** Reads a pipe's end without blocking; whoever reads to the end or cancels must then close the descriptor. */
export function readPipe(pipe: Pipe): ReadableStream<Uint8Array> {
  return Bun.file(pipe.readFd).stream();
}

export function closePipe(pipe: Pipe): void {
  closeSync(pipe.readFd);
  closeSync(pipe.writeFd);
}

function findPipe2(): ((fds: Int32Array) => number) | undefined {
  if (process.platform !== "linux") return undefined;
  for (const library of LIBRARIES) {
    try {
      const { symbols } = dlopen(library, {
        pipe2: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
      });
      return (fds) => symbols.pipe2(fds, O_CLOEXEC);
    } catch {
      // Not the C library of this system; without any, jobs get socket pairs.
    }
  }
  return undefined;
}

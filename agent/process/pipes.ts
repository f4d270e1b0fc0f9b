import { closeSync } from "node:fs";
import { libc } from "./libc.ts";

/** A pipe whose write end is for a child process. */
export interface Pipe {
  writeFd: number;
  readFd: number;
}

const O_CLOEXEC = 0o2000000;

/**
 * Creates a real pipe; undefined: the system cannot. Bun connects children with socket pairs. On Linux those cannot be
 * opened by name, so `echo hello > /dev/stdout` and `tee /dev/stderr` would fail in a job.
 */
export function createPipe(): Pipe | undefined {
  const ends = libc()?.pipe2(O_CLOEXEC);
  return ends && { readFd: ends[0], writeFd: ends[1] };
}

/** Reads a pipe without blocking. After reading to the end or cancelling, the caller must close the descriptor. */
export function readPipe(pipe: Pipe): ReadableStream<Uint8Array> {
  return Bun.file(pipe.readFd).stream();
}

export function closePipe(pipe: Pipe): void {
  closeSync(pipe.readFd);
  closeSync(pipe.writeFd);
}

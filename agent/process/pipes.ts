import { closeSync } from "node:fs";
import { libc } from "./libc.ts";

/** A pipe whose write end is for a child process. */
export interface Pipe {
  writeFd: number;
  readFd: number;
}

const O_CLOEXEC = 0o2000000;

/**
 * A true pipe, or undefined where the system has none to give. Bun connects children by socket pairs; on Linux
 * those cannot be opened by name, so that `echo hello > /dev/stdout` and `tee /dev/stderr` would fail in a job.
 */
export function createPipe(): Pipe | undefined {
  const ends = libc()?.pipe2(O_CLOEXEC);
  return ends && { readFd: ends[0], writeFd: ends[1] };
}

/** Reads a pipe's end without blocking; whoever reads to the end or cancels must then close the descriptor. */
export function readPipe(pipe: Pipe): ReadableStream<Uint8Array> {
  return Bun.file(pipe.readFd).stream();
}

export function closePipe(pipe: Pipe): void {
  closeSync(pipe.readFd);
  closeSync(pipe.writeFd);
}

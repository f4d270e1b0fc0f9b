import { dlopen, FFIType } from "bun:ffi";
import { LINUX_C_LIBRARIES } from "./c-library.ts";

const RLIMIT_NOFILE = 7;

let given: number | undefined;

/**
 * Raises this process's limit of open files to the hard limit. The programs it starts get the original soft limit, which
 * `givenOpenFiles` returns: above 1,024 some programs fail, and others take long to close files that are not open.
 */
export function raiseOpenFiles(): void {
  if (given !== undefined || process.platform !== "linux") return;
  const softAndHard = new BigUint64Array(2);
  const prlimit = prlimitOf(LINUX_C_LIBRARIES);
  if (prlimit?.(0, RLIMIT_NOFILE, null, softAndHard) !== 0) return;
  const [soft = 0n, hard = 0n] = softAndHard;
  given = Number(soft);
  if (soft < hard) prlimit(0, RLIMIT_NOFILE, new BigUint64Array([hard, hard]), null);
}

/** The soft limit before `raiseOpenFiles`; undefined if unknown. */
export function givenOpenFiles(): number | undefined {
  return given;
}

function prlimitOf(libraries: readonly string[]) {
  const { i32, ptr } = FFIType;
  for (const library of libraries) {
    try {
      return dlopen(library, { prlimit: { args: [i32, i32, ptr, ptr], returns: i32 } }).symbols.prlimit;
    } catch {
      // Not the C library of this system. Without one the limit stays unchanged.
    }
  }
  return undefined;
}

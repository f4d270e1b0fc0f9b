import { dlopen, FFIType } from "bun:ffi";
import { LINUX_C_LIBRARIES } from "./c-library.ts";

const RLIMIT_NOFILE = 7;

let given: number | undefined;

/**
 * From now on this process may have as many files open as its hard limit allows. The programs that it starts for
 * others get the soft limit that it was given itself, which `givenOpenFiles` tells: above 1,024 some of them fail,
 * and others take long to close what is not open.
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

/** The soft limit as it was before `raiseOpenFiles`; undefined where nobody knows. */
export function givenOpenFiles(): number | undefined {
  return given;
}

function prlimitOf(libraries: readonly string[]) {
  const { i32, ptr } = FFIType;
  for (const library of libraries) {
    try {
      return dlopen(library, { prlimit: { args: [i32, i32, ptr, ptr], returns: i32 } }).symbols.prlimit;
    } catch {
      // Not the C library of this system. Where none is, the limit stays as it is.
    }
  }
  return undefined;
}

const PRIVATE_UMASK = 0o077;

let given: number | undefined;

/**
 * Keeps everything this process creates private to its account, regardless of the umask it was started with. Call it
 * before anything is written.
 */
export function keepFilesPrivate(): void {
  given ??= process.umask(PRIVATE_UMASK);
}

/** Runs `spawn`, which must be synchronous, with the original umask, so the new process gets it. */
export function withGivenUmask<T>(spawn: () => T): T {
  if (given === undefined) return spawn();
  const before = process.umask(given);
  try {
    return spawn();
  } finally {
    process.umask(before);
  }
}

/** The original umask; undefined if it was never changed. */
export function givenUmask(): number | undefined {
  return given;
}

const PRIVATE_UMASK = 0o077;

let given: number | undefined;

/**
 * From now on no other account may read or enter what this process creates, whatever umask it was started with. Call it
 * before anything is written.
 */
export function keepFilesPrivate(): void {
  given ??= process.umask(PRIVATE_UMASK);
}

/** Runs `spawn`, which must be synchronous: the process it starts gets the umask that this one was started with. */
export function withGivenUmask<T>(spawn: () => T): T {
  if (given === undefined) return spawn();
  const before = process.umask(given);
  try {
    return spawn();
  } finally {
    process.umask(before);
  }
}

/** The umask that this process was started with; undefined where it is as it was. */
export function givenUmask(): number | undefined {
  return given;
}

/** So much garbage is collected at once. */
const COLLECT_BYTES = 32 * 1024 * 1024;

/** About what finding, reading or placing one file leaves behind. */
export const GARBAGE_OF_FILE_BYTES = 4_096;

/** Reading a tree leaves about ten times as many bytes behind as it has. */
export const GARBAGE_OF_TREE = 10;

/**
 * Has garbage collected while many bytes or files pass through. The runtime does it too, but so late that a small heap grows
 * by a hundred megabytes, since it does not count the memory behind its objects.
 */
export class Garbage {
  private bytes = 0;

  /** So many bytes became garbage. */
  add(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes < COLLECT_BYTES) return;
    this.bytes = 0;
    Bun.gc(true);
  }
}

import { MIB } from "./bytes-text.ts";

/** After so much garbage, look at the memory of this process. */
const LOOK_BYTES = 4 * MIB;
/** It may grow up to this. */
const COMFORT_BYTES = 126 * MIB;
/** It may always grow by this share, or a process with much to keep would do nothing else. */
const MIN_GROWTH = 0.06;

/** About what finding, reading or placing one file leaves behind. */
export const GARBAGE_OF_FILE_BYTES = 4_096;

/** Reading a tree leaves about ten times as many bytes behind as it has. */
export const GARBAGE_OF_TREE = 10;

/**
 * Gives the memory of bytes back at once that nothing uses any more, which spares collecting it. Memory that has more in it
 * than these bytes is left to be collected.
 */
export function giveBack(bytes: Uint8Array): void {
  const { buffer } = bytes;
  const isAll = bytes.byteLength === buffer.byteLength;
  if (isAll && buffer instanceof ArrayBuffer) buffer.transfer(0);
  else leaveGarbage(bytes.byteLength);
}

let bytesSinceLook = 0;
let usedBytes = process.memoryUsage.rss();

/**
 * Call this while many bytes or files pass through, with the bytes that became garbage: it is collected before the process
 * grows much. The runtime collects it too, but so late that a small heap grows by a hundred megabytes, since it does not
 * count the memory behind its objects.
 * @param mostBytes the most it may grow, unless that is less than `MIN_GROWTH` of what it uses.
 */
export function leaveGarbage(bytes: number, mostBytes = Number.POSITIVE_INFINITY): void {
  bytesSinceLook += bytes;
  if (bytesSinceLook < LOOK_BYTES) return;
  bytesSinceLook = 0;
  const comfortBytes = Math.min(COMFORT_BYTES - usedBytes, mostBytes);
  const growthBytes = Math.max(comfortBytes, usedBytes * MIN_GROWTH);
  if (process.memoryUsage.rss() - usedBytes < growthBytes) return;
  if (typeof Bun !== "undefined") Bun.gc(true);
  usedBytes = process.memoryUsage.rss();
}

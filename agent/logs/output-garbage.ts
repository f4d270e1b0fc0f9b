import { edenGC } from "bun:jsc";
import { MIB } from "../../shared/bytes-text.ts";
import { leaveGarbage } from "../../shared/garbage.ts";

/** Every step on the way of output makes about so many copies of it: bytes, text, lines, JSON. */
const COPIES = 4;
/** After so many bytes of copies, collect those that were never kept. That takes less than a millisecond. */
const YOUNG_BYTES = 4 * MIB;
/**
 * The most that this process grows before everything is collected and the free memory returned. That takes 6 to 15 ms, and
 * happens about every 3 MB of output.
 */
const GROWTH_BYTES = 12 * MIB;

let youngBytes = 0;

/** Call this at each step from the job to the server, with the bytes of output that took it. */
export function leaveOutputGarbage(bytes: number): void {
  youngBytes += COPIES * bytes;
  if (youngBytes >= YOUNG_BYTES) {
    youngBytes = 0;
    edenGC();
  }
  leaveGarbage(COPIES * bytes, GROWTH_BYTES);
}

import { codeOf } from "../../shared/code-of.ts";
import { ComputeError } from "../../shared/errors.ts";
import { textOf } from "../../shared/text-of.ts";
import { withLimit } from "../../shared/wait.ts";
import type { RoomForFiles } from "../store/disk-room.ts";
import { REQUEST_MS } from "./blob-store.ts";

export type Room = Pick<RoomForFiles, "shortage">;

const FULL = new Set(["ENOSPC", "EDQUOT"]);

/** Throws `storage_failed` if the disk of the directory has no room for so many bytes of files. */
export async function requireRoom(dir: string, room: Room, bytes: number): Promise<void> {
  const shortage = await onDisk(dir, async () => room.shortage(bytes));
  if (shortage !== undefined) throw new ComputeError("storage_failed", shortage);
}

/** The place did not answer in time. */
export class SlowError extends Error {
  override name = "SlowError";

  constructor() {
    super(`no answer within ${REQUEST_MS / 1_000} s`);
  }
}

/** Runs one step on a disk. Throws `storage_failed` if the disk refuses, or does not answer, as a network disk may not. */
export async function onDisk<T>(dir: string, step: () => Promise<T>): Promise<T> {
  try {
    return await withLimit(REQUEST_MS, step(), () => new SlowError());
  } catch (cause) {
    const todo = FULL.has(codeOf(cause) ?? "")
      ? "The disk is full. Make room there, or delete artifacts."
      : "Check the disk and who may write there.";
    throw new ComputeError("storage_failed", `Cannot keep files below ${dir}: ${textOf(cause)}. ${todo}`, {
      cause,
    });
  }
}

import { codeOf } from "../../shared/code-of.ts";
import { ComputeError } from "../../shared/errors.ts";
import { textOf } from "../../shared/text-of.ts";
import { withLimit } from "../../shared/wait.ts";
import { REQUEST_MS } from "./blob-store.ts";

const FULL = new Set(["ENOSPC", "EDQUOT"]);

/** Says whether a disk has room for files. */
export interface Room {
  /** One sentence that says how little is free, where, and what to do; undefined if there is room. Cheap to call. */
  shortage(): string | undefined;
}

/** Throws `storage_failed` if the disk of the directory has no room for files. */
export async function requireRoom(dir: string, room: Room): Promise<void> {
  const shortage = await onDisk(dir, async () => room.shortage());
  if (shortage !== undefined) throw new ComputeError("storage_failed", shortage);
}

/** Runs one step on a disk. Throws `storage_failed` if the disk refuses, or does not answer, as a network disk may not. */
export async function onDisk<T>(dir: string, step: () => Promise<T>): Promise<T> {
  try {
    return await withLimit(REQUEST_MS, step(), () => new Error(`no answer within ${REQUEST_MS / 1_000} s`));
  } catch (cause) {
    const todo = FULL.has(codeOf(cause) ?? "")
      ? "The disk is full. Make room there, or delete artifacts."
      : "Check the disk and who may write there.";
    throw new ComputeError("storage_failed", `Cannot keep files below ${dir}: ${textOf(cause)}. ${todo}`, {
      cause,
    });
  }
}

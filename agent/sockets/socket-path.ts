import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { AgentError } from "../agent-log.ts";

/** The shortest limit of the systems we run on (macOS) is 103 bytes. */
const MAX_SOCKET_PATH_BYTES = 100;

/** Where the socket `name` of a directory is: in it, or where that path is too long for a socket, in a place for such. */
export function socketPath(dir: string, name: string): string {
  const path = join(dir, name);
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return path;
  return join(placeForOthers(), createHash("sha256").update(path).digest("hex").slice(0, 24));
}

/**
 * To be called right before a socket is listened on, by whoever holds the lock of its directory: a socket that is there
 * belongs to nobody any more. Throws AgentError where the place for it may not be used.
 */
export function makeRoomForSocket(path: string): void {
  const place = placeForOthers();
  if (dirname(path) === place) makePlace(place);
  rmSync(path, { force: true });
}

/** To be called once nobody listens there any more; leaves nothing behind. */
export function removeSocket(path: string): void {
  rmSync(path, { force: true });
  const place = placeForOthers();
  if (dirname(path) !== place) return;
  try {
    rmdirSync(place);
  } catch {
    // Somebody else's socket is in it.
  }
}

function makePlace(place: string): void {
  mkdirSync(place, { recursive: true, mode: 0o700 });
  // In a directory that everybody may write to, a directory of this name may be somebody else's trap.
  const { uid, mode } = lstatSync(place);
  if (process.platform !== "win32" && (uid !== userInfo().uid || (mode & 0o077) !== 0)) {
    throw new AgentError(`${place} is not this account's alone. Remove it, or set XDG_RUNTIME_DIR.`);
  }
}

function placeForOthers(): string {
  return process.env.XDG_RUNTIME_DIR
    ? join(process.env.XDG_RUNTIME_DIR, "tanvrit-compute")
    : join(tmpdir(), `tanvrit-compute-${userInfo().uid}`);
}

import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory that sockets were to be made in may be somebody else's trap. */
class SocketPlaceError extends Error {
  override name = "SocketPlaceError";
}

/** The shortest limit of the systems we run on (macOS) is 103 bytes. */
const MAX_SOCKET_PATH_BYTES = 100;

/** Where the socket `name` of a directory is: in it, or where that path is too long for a socket, in a place for such. */
export function socketPath(dir: string, name: string): string {
  const path = join(dir, name);
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return path;
  return join(socketPlace(), createHash("sha256").update(path).digest("hex").slice(0, 24));
}

/** Whether this directory is the one that all sockets share that are not in a directory of their own. */
export function isSocketPlace(dir: string): boolean {
  return dir === socketPlace();
}

/** Makes the directory for sockets that are not in their own. Throws SocketPlaceError where it may not be used. */
export function makeSocketPlace(): void {
  makePrivateDirectory(socketPlace());
}

/** Makes a directory that only this account may enter. Throws SocketPlaceError where one is there that others may write to. */
export function makePrivateDirectory(place: string): void {
  mkdirSync(place, { recursive: true, mode: 0o700 });
  if (process.platform === "win32") return;
  // In a directory that everybody may write to, a directory of this name may be somebody else's trap.
  const entry = lstatSync(place);
  if (!entry.isDirectory() || entry.uid !== accountId() || (entry.mode & 0o022) !== 0) {
    throw new SocketPlaceError(`${place} is not this account's alone. Remove it, or set XDG_RUNTIME_DIR.`);
  }
  if ((entry.mode & 0o077) !== 0) chmodSync(place, 0o700);
}

/** The directory of this account for sockets that have no room in their own. */
export function socketPlace(): string {
  return process.env.XDG_RUNTIME_DIR
    ? join(process.env.XDG_RUNTIME_DIR, "tanvrit-compute")
    : join(tmpdir(), `tanvrit-compute-${accountId()}`);
}

/** Not `userInfo`, which fails for a service that runs as a bare number without HOME. */
function accountId(): number {
  return process.getuid?.() ?? -1;
}

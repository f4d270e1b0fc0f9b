import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makePrivateDirectory } from "../private-directory.ts";

/** The shortest limit of the supported systems (macOS) is 103 bytes. */
const MAX_SOCKET_PATH_BYTES = 100;

/** The path of a directory's socket `name`: in the directory or, if that path is too long for a socket, in the shared one. */
export function socketPath(dir: string, name: string): string {
  const path = join(dir, name);
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return path;
  return join(socketPlace(), createHash("sha256").update(path).digest("hex").slice(0, 24));
}

/** Whether this is the shared directory for sockets with too long paths. */
export function isSocketPlace(dir: string): boolean {
  return dir === socketPlace();
}

/** Creates the shared directory for sockets. Throws UnsafeDirectoryError if it is not safe to use. */
export function makeSocketPlace(): void {
  makePrivateDirectory(socketPlace(), "Remove it, or set XDG_RUNTIME_DIR.");
}

/** This account's shared directory for sockets with too long paths. */
export function socketPlace(): string {
  return process.env.XDG_RUNTIME_DIR
    ? join(process.env.XDG_RUNTIME_DIR, "tanvrit-compute")
    : join(tmpdir(), `tanvrit-compute-${accountId()}`);
}

/** Not `userInfo`, which fails for a service that runs under a bare user id without HOME. */
function accountId(): number {
  return process.getuid?.() ?? -1;
}

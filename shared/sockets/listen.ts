import { chmodSync, rmdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { SocketHandler, UnixSocketListener } from "bun";
import { intoDirectory } from "../into-directory.ts";
import { isSocketPlace, makeSocketPlace } from "./socket-path.ts";

/** Another process may remove the empty shared directory just before a socket is put into it. */
const ATTEMPTS = 5;

/**
 * Listens on a socket only this account can open, because anyone who connects can control jobs. The caller must hold the
 * lock of the directory it belongs to: an existing socket file is then a leftover and is replaced. Returns a function that
 * stops listening and removes the socket. Throws SocketPlaceError if its directory is not safe to use.
 */
export function listenOn<Data>(path: string, socket: SocketHandler<Data>): () => void {
  const listener = listen(path, socket);
  chmodSync(path, 0o600);
  return () => {
    listener.stop(true);
    remove(path);
  };
}

function listen<Data>(path: string, socket: SocketHandler<Data>): UnixSocketListener<Data> {
  const make = () => {
    if (isSocketPlace(dirname(path))) makeSocketPlace();
    rmSync(path, { force: true });
  };
  return intoDirectory(ATTEMPTS, make, () => Bun.listen<Data>({ unix: path, socket }));
}

function remove(path: string): void {
  rmSync(path, { force: true });
  if (!isSocketPlace(dirname(path))) return;
  try {
    rmdirSync(dirname(path));
  } catch {
    // It has another socket.
  }
}

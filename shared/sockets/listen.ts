import { chmodSync, rmdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { SocketHandler, UnixSocketListener } from "bun";
import { isSocketPlace, makeSocketPlace } from "./socket-path.ts";

/** Another process may remove the common place, empty as it is, in the moment before something is put there. */
const ATTEMPTS = 5;

/**
 * Listens on a socket that is open to this account alone; whoever may connect may order jobs about. The lock of the
 * directory it belongs to must be held, so that a socket that is there already belongs to nobody any more. Returns how
 * to end it, which leaves nothing behind. Throws SocketPlaceError where the place for it may not be used.
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
  for (let attempt = 1; ; attempt++) {
    if (isSocketPlace(dirname(path))) makeSocketPlace();
    rmSync(path, { force: true });
    try {
      return Bun.listen<Data>({ unix: path, socket });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt === ATTEMPTS) throw error;
    }
  }
}

function remove(path: string): void {
  rmSync(path, { force: true });
  if (!isSocketPlace(dirname(path))) return;
  try {
    rmdirSync(dirname(path));
  } catch {
    // Somebody else's socket is in it.
  }
}

import { type FSWatcher, realpathSync, statSync, watch } from "node:fs";
import { basename, dirname } from "node:path";

/** Whoever saves a file does so in several steps; one look after the last of them is enough. */
const SETTLE_MS = 150;
/** Where nothing tells of a change (a directory that is not there, a network drive) a look now and then must do. */
const LOOK_MS = 30_000;

/** Calls `onChange` when the file was written, replaced, removed or made, until the signal fires. */
export function watchFile(path: string, onChange: () => void, signal: AbortSignal): void {
  let seen = stateOf(path);
  let settling: ReturnType<typeof setTimeout> | undefined;
  /** By the file whose directory is watched. */
  const watchers = new Map<string, FSWatcher>();
  const look = () => {
    beginWatching();
    const now = stateOf(path);
    if (now === seen) return;
    seen = now;
    onChange();
  };
  const lookSoon = () => {
    clearTimeout(settling);
    settling = setTimeout(look, SETTLE_MS);
  };
  const beginWatching = () => {
    const files = new Set([path, targetOf(path)]);
    for (const [file, watcher] of watchers) {
      if (files.has(file)) continue;
      watcher.close();
      watchers.delete(file);
    }
    for (const file of files) {
      if (watchers.has(file)) continue;
      const watcher = watchDirectory(file, lookSoon, () => watchers.delete(file));
      if (watcher) watchers.set(file, watcher);
    }
  };
  beginWatching();
  const looking = setInterval(look, LOOK_MS);
  const end = () => {
    clearTimeout(settling);
    clearInterval(looking);
    for (const watcher of watchers.values()) watcher.close();
  };
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
}

/** The directory, not the file: an editor puts a new file in the place of the old one. */
function watchDirectory(path: string, onEvent: () => void, onEnd: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_event, name) => {
      // A linked file changes under another name, as where a volume is swapped.
      if (name === null || name === basename(path) || name.startsWith("..")) onEvent();
    });
    watcher.on("error", () => {
      watcher.close();
      onEnd();
    });
    return watcher;
  } catch {
    return undefined; // There is no such directory yet, or too much is watched already: looking must do.
  }
}

/** The file that is read, as where agent.yaml is a link into a directory of settings. */
function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // It is not there yet.
  }
}

/** Differs whenever the file does; the empty text where there is none that can be looked at. */
function stateOf(path: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(path);
    return `${ino} ${size} ${mtimeMs}`;
  } catch {
    return ""; // It is not there, or may not be seen: reading it says more.
  }
}

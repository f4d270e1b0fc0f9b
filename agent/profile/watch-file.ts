import { type FSWatcher, realpathSync, statSync, watch } from "node:fs";
import { basename, dirname } from "node:path";

/** Programs save a file in several steps. One look after the last step is enough. */
const SETTLE_MS = 150;
/** Some changes are never announced (a missing directory, a network drive), so the file is also looked at this often. */
const LOOK_MS = 30_000;

/** Calls `onChange` when the file was written, replaced, removed or created, until the signal fires. */
export function watchFile(path: string, onChange: () => void, signal: AbortSignal): void {
  let seen = stateOf(path);
  let settling: ReturnType<typeof setTimeout> | undefined;
  /** Keyed by the file whose directory is watched. */
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

/** Watches the directory, not the file: an editor replaces the old file by a new one. */
function watchDirectory(path: string, onEvent: () => void, onEnd: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_event, name) => {
      // A linked file may change under another name, for example when a Kubernetes volume is swapped.
      if (name === null || name === basename(path) || name.startsWith("..")) onEvent();
    });
    watcher.on("error", () => {
      watcher.close();
      onEnd();
    });
    return watcher;
  } catch {
    return undefined; // The directory does not exist yet, or the system watches too many files: looking must do.
  }
}

/** The file that a link leads to, for example when agent.yaml is a link into a directory of settings. */
function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // It does not exist yet.
  }
}

/** Differs whenever the file does; empty when there is no file that can be read. */
function stateOf(path: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(path);
    return `${ino} ${size} ${mtimeMs}`;
  } catch {
    return ""; // It does not exist or is not accessible. Reading it will say which.
  }
}

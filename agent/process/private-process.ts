import { type Pointer, toArrayBuffer } from "bun:ffi";
import { readFileSync } from "node:fs";
import { allowedEnvironment } from "./environment.ts";
import { libc } from "./libc.ts";

/** System libraries read these from the original block long after the start, for example to reach a keychain. */
const READ_BY_LIBRARIES = /^(DBUS_|XDG_|DISPLAY$|WAYLAND_DISPLAY$|XAUTHORITY$)/;

/**
 * Hides this process from other processes of its account: from now on they cannot debug it or read its memory, files or
 * environment through /proc. Root still can. Processes that it starts are not hidden. Works on Linux only.
 *
 * @param environment the environment that this process was started with. The kernel keeps showing, even to root, only
 *   the variables that jobs see anyway and those that reach the user's session.
 */
export function keepProcessPrivate(environment: Readonly<Record<string, string | undefined>>): void {
  if (process.platform !== "linux") return;
  blankEnvironment(allowedEnvironment(environment));
  libc()?.becomeUndumpable();
}

/** Blanks the variables that /proc/PID/environ shows. The runtime has its own copy of all variables. */
function blankEnvironment(shown: Readonly<Record<string, string>>): void {
  const [start, end] = environmentPlace();
  if (start === undefined || end === undefined || end <= start) return;
  const block = Buffer.from(toArrayBuffer(start as Pointer, 0, end - start));
  for (let at = 0; at < block.length; ) {
    const zero = block.indexOf(0, at);
    const next = zero === -1 ? block.length : zero + 1;
    const name = block.toString("latin1", at, next).split("=")[0] ?? "";
    if (!Object.hasOwn(shown, name) && !READ_BY_LIBRARIES.test(name)) block.fill(0, at, next);
    at = next;
  }
}

/** The start and end addresses of the environment in memory; undefined if the kernel does not tell. */
function environmentPlace(): (number | undefined)[] {
  const text = readFileSync("/proc/self/stat", "latin1");
  // The name is in parentheses and may contain any character. The first field after it is number three.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const places = [fields[ENVIRONMENT_START - 3], fields[ENVIRONMENT_END - 3]].map(Number);
  return places.map((place) => (Number.isSafeInteger(place) && place > 0 ? place : undefined));
}

/** Numbered as in proc(5). */
const ENVIRONMENT_START = 50;
const ENVIRONMENT_END = 51;

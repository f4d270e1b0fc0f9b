import { type Pointer, toArrayBuffer } from "bun:ffi";
import { readFileSync } from "node:fs";
import { allowedEnvironment } from "./environment.ts";
import { libc } from "./libc.ts";

/** Libraries of the system read these at their place, long after the start: a keychain is reached by them. */
const READ_BY_LIBRARIES = /^(DBUS_|XDG_|DISPLAY$|WAYLAND_DISPLAY$|XAUTHORITY$)/;

/**
 * From now on other processes of this account can read neither this one's memory nor its files nor its environment
 * through /proc, nor debug it; root can. What it starts is as open as ever. On Linux.
 *
 * @param environment what this process was started with. Of that only what jobs see anyway, and how to reach the
 *   user's session, stays where the kernel shows it, also to root.
 */
export function keepProcessPrivate(environment: Readonly<Record<string, string | undefined>>): void {
  if (process.platform !== "linux") return;
  blankEnvironment(allowedEnvironment(environment));
  libc()?.becomeUndumpable();
}

/** The runtime has its own copy of all variables; this is the one that /proc/PID/environ shows. */
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

/** Where the kernel has put the variables, as addresses; absent where it does not tell. */
function environmentPlace(): (number | undefined)[] {
  const text = readFileSync("/proc/self/stat", "latin1");
  // The name stands in parentheses and may hold any character; the fields behind it begin with the third.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const places = [fields[ENVIRONMENT_START - 3], fields[ENVIRONMENT_END - 3]].map(Number);
  return places.map((place) => (Number.isSafeInteger(place) && place > 0 ? place : undefined));
}

/** As proc(5) numbers them. */
const ENVIRONMENT_START = 50;
const ENVIRONMENT_END = 51;

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
 * @param secret an argument that the list of processes must not show, such as a token; it is blanked there.
 */
export function keepProcessPrivate(
  environment: Readonly<Record<string, string | undefined>>,
  secret?: string,
): void {
  if (process.platform !== "linux") return;
  blankEnvironment(allowedEnvironment(environment));
  if (secret !== undefined) blankArgument(secret);
  libc()?.becomeUndumpable();
}

/** Blanks a secret in the arguments that /proc/PID/cmdline shows to everyone. */
function blankArgument(secret: string): void {
  const block = blockAt(ARGUMENTS_START, ARGUMENTS_END);
  for (let at = block?.indexOf(secret) ?? -1; block && at >= 0; at = block.indexOf(secret, at)) {
    block.fill("*", at, at + Buffer.byteLength(secret));
  }
}

/** Blanks the variables that /proc/PID/environ shows. The runtime has its own copy of all variables. */
function blankEnvironment(shown: Readonly<Record<string, string>>): void {
  const block = blockAt(ENVIRONMENT_START, ENVIRONMENT_END);
  if (!block) return;
  for (let at = 0; at < block.length; ) {
    const zero = block.indexOf(0, at);
    const next = zero === -1 ? block.length : zero + 1;
    const name = block.toString("latin1", at, next).split("=")[0] ?? "";
    if (!Object.hasOwn(shown, name) && !READ_BY_LIBRARIES.test(name)) block.fill(0, at, next);
    at = next;
  }
}

/** The bytes between two addresses that the kernel tells; undefined if it does not. Writing to them changes what it shows. */
function blockAt(startField: number, endField: number): Buffer | undefined {
  const text = readFileSync("/proc/self/stat", "latin1");
  // The name is in parentheses and may contain any character. The first field after it is number three.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [start = 0, end = 0] = [fields[startField - 3], fields[endField - 3]].map(Number);
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start <= 0 || end <= start)
    return undefined;
  return Buffer.from(toArrayBuffer(start as Pointer, 0, end - start));
}

/** Numbered as in proc(5). */
const ARGUMENTS_START = 48;
const ARGUMENTS_END = 49;
const ENVIRONMENT_START = 50;
const ENVIRONMENT_END = 51;

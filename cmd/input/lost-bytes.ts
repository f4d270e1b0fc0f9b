import { isUtf8 } from "node:buffer";
import { readFileSync, readlinkSync } from "node:fs";
import { CliError } from "../exit/failure.ts";

/**
 * The runtime reads arguments, variables and paths as UTF-8 and replaces invalid bytes with U+FFFD, which would silently
 * name another file. Where that character appears, the raw bytes show whether somebody really wrote it.
 */
const REPLACEMENT = "\uFFFD";
const MAX_SHOWN = 200;

/** Throws CliError `usage` naming the first argument that is not UTF-8. */
export function refuseLostArguments(words: readonly string[]): void {
  if (!words.some((word) => word.includes(REPLACEMENT))) return;
  // The runtime's own arguments come before the words.
  const written = argumentBytes()?.slice(-words.length) ?? [];
  for (const [i, word] of words.entries()) {
    const bytes = written[i];
    if (!bytes || !word.includes(REPLACEMENT) || isUtf8(bytes)) continue;
    throw new CliError("usage", `argument ${i + 1} is not UTF-8 text: ${escaped(bytes)}`, {
      todo: "Only UTF-8 reaches a job unchanged. Rename the file, or put the bytes in a script that the job runs",
    });
  }
}

/** Throws CliError `bad_configuration` if one of these variables is not UTF-8. */
export function refuseLostVariables(
  names: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): void {
  const suspects = names.filter((name) => env[name]?.includes(REPLACEMENT));
  if (suspects.length === 0) return;
  for (const bytes of bytesOf("/proc/self/environ") ?? []) {
    const name = bytes.subarray(0, Math.max(0, bytes.indexOf("="))).toString("latin1");
    if (!suspects.includes(name) || isUtf8(bytes)) continue;
    const value = escaped(bytes.subarray(name.length + 1));
    throw new CliError("bad_configuration", `the variable ${name} is not UTF-8 text: ${value}`);
  }
}

/** Throws CliError `bad_configuration` if the path of the working directory is not UTF-8. */
export function refuseLostDirectory(): void {
  if (!process.cwd().includes(REPLACEMENT)) return;
  const bytes = attempt(() => readlinkSync("/proc/self/cwd", { encoding: "buffer" }));
  if (!bytes || isUtf8(bytes)) return;
  throw new CliError(
    "bad_configuration",
    `the path of the working directory is not UTF-8 text: ${escaped(bytes)}`,
    { todo: "Start it in another directory" },
  );
}

function argumentBytes(): Buffer[] | undefined {
  return process.platform === "darwin" ? attempt(darwinArguments) : bytesOf("/proc/self/cmdline");
}

/** The null-terminated strings in a file. */
function bytesOf(path: string): Buffer[] | undefined {
  return attempt(() => {
    const all = readFileSync(path);
    const texts: Buffer[] = [];
    for (let at = 0; at < all.length; ) {
      const end = all.indexOf(0, at);
      texts.push(all.subarray(at, end < 0 ? all.length : end));
      at = end < 0 ? all.length : end + 1;
    }
    return texts;
  });
}

/** macOS has no /proc; its C library keeps the process's arguments. */
function darwinArguments(): Buffer[] {
  const { dlopen, FFIType, read, toArrayBuffer } = require("bun:ffi") as typeof import("bun:ffi");
  const { symbols } = dlopen("libSystem.B.dylib", {
    _NSGetArgc: { args: [], returns: FFIType.ptr },
    _NSGetArgv: { args: [], returns: FFIType.ptr },
    strlen: { args: [FFIType.ptr], returns: FFIType.u64 },
  });
  const [count, list] = [symbols._NSGetArgc(), symbols._NSGetArgv()];
  if (!count || !list) return [];
  const texts = read.ptr(list) as typeof list;
  return Array.from({ length: read.i32(count) }, (_, i) => {
    const text = read.ptr(texts, i * 8) as typeof list;
    return Buffer.from(toArrayBuffer(text, 0, Number(symbols.strlen(text))).slice(0));
  });
}

/** A system that cannot be asked gives no reason to refuse anything. */
function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** The bytes as a shell writes them in `$'…'`. */
function escaped(bytes: Buffer): string {
  const shown = [...bytes.subarray(0, MAX_SHOWN)].map((byte) => {
    if (byte === 0x5c || byte === 0x27) return `\\${String.fromCharCode(byte)}`;
    const isPlain = byte >= 0x20 && byte < 0x7f;
    return isPlain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
  });
  return `$'${shown.join("")}${bytes.length > MAX_SHOWN ? "…" : ""}'`;
}

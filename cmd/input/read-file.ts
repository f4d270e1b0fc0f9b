import { isUtf8 } from "node:buffer";
import { createReadStream, fstatSync } from "node:fs";
import { stat } from "node:fs/promises";
import { codeOf } from "../../shared/code-of.ts";
import { limits } from "../../shared/limits.ts";
import { textOf } from "../../shared/text-of.ts";
import { CliError } from "../exit/failure.ts";
import { isTerminal } from "./is-terminal.ts";

/** A file's name as messages show it; `-` is standard input. */
export function fileName(file: string): string {
  return file === "-" ? "<stdin>" : file;
}

/** The text of a file that a person names. Throws CliError `not_found` or `bad_data`. */
export async function readTextFile(file: string): Promise<string> {
  const bytes = await readBytes(file, limits.maxBodyBytes);
  if (isUtf8(bytes)) return bytes.toString("utf8");
  const { line, column } = firstLost(bytes);
  throw new CliError(
    "bad_data",
    `${fileName(file)}:${line}:${column}: this is not UTF-8; save the file as UTF-8`,
  );
}

/** Line and column, from 1, of the first byte that is not UTF-8. */
export function firstLost(bytes: Buffer): { line: number; column: number } {
  // Valid text may contain U+FFFD itself, so find the invalid line first.
  let line = 1;
  for (let at = 0; ; line++) {
    const end = bytes.indexOf("\n", at);
    const text = bytes.subarray(at, end < 0 ? bytes.length : end);
    if (!isUtf8(text) || end < 0) return { line, column: wellFormedLength(text) + 1 };
    at = end + 1;
  }
}

function wellFormedLength(bytes: Buffer): number {
  const decoded = bytes.toString("utf8");
  let size = 0;
  for (const [i, character] of [...decoded].entries()) {
    const isThere = bytes.subarray(size, size + 3).equals(Buffer.from(character));
    if (character === "\uFFFD" && !isThere) return i;
    size += Buffer.byteLength(character);
  }
  return decoded.length;
}

/** A file's bytes; `-` is standard input. Also reads pipes, and devices such as /dev/null, which cannot be polled. */
export async function* bytesIn(file: string): AsyncGenerator<Uint8Array, void, void> {
  const isDevice = (file === "-" ? fstatSync(0) : await stat(file)).isCharacterDevice();
  if (isDevice && !(file === "-" && isTerminal(0)))
    yield* createReadStream(file === "-" ? "/dev/stdin" : file);
  else yield* (file === "-" ? Bun.stdin : Bun.file(file)).stream();
}

/** A file's bytes; `-` is standard input. Throws CliError `not_found` or `bad_data`. */
export async function readBytes(file: string, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of bytesIn(file)) {
      size += chunk.byteLength;
      if (size > maxBytes) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    const code = codeOf(cause);
    const isMissing = code === "ENOENT";
    const why = isMissing ? "there is no such file" : code === "EISDIR" ? "it is a directory" : textOf(cause);
    throw new CliError(isMissing ? "not_found" : "bad_data", `cannot read ${fileName(file)}: ${why}`, {
      cause,
    });
  }
  if (size <= maxBytes) return Buffer.concat(chunks);
  throw new CliError("bad_data", `${fileName(file)} is larger than ${maxBytes} bytes`);
}

import { lstatSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { z } from "zod";
import { codeOf } from "../../shared/code-of.ts";
import { FileError, parseYaml } from "../../shared/config/yaml.ts";
import { textOf } from "../../shared/text-of.ts";
import { CliError } from "../exit/failure.ts";
import { firstLost } from "./read-file.ts";

/** Nobody writes more by hand, and parsing something larger would keep the program busy for minutes. */
const MAX_KIB = 256;

/**
 * Reads the config file of a long-running command. A named file must exist; the default file need not. If there is a
 * default place, the file is read again when it changes, so it cannot be a pipe.
 * Throws CliError `bad_configuration` naming file, line and field.
 */
export async function readConfigFile(
  schema: z.ZodType,
  file: { named: string | undefined; fallback?: string },
): Promise<{ path: string; content: unknown } | undefined> {
  const path = file.named ?? file.fallback;
  if (path === undefined) return undefined;
  try {
    return { path, content: parseYaml(await readText(path, file.fallback === undefined), path, schema) };
  } catch (error) {
    const missing = codeOf(error) === "ENOENT";
    const isLink = missing && isThere(path);
    if (missing && !isLink && file.named === undefined) return undefined;
    const why = isLink ? "it is a link to a file that does not exist" : "there is no such file";
    const message =
      error instanceof FileError ? error.message : `cannot read ${path}: ${missing ? why : textOf(error)}`;
    throw new CliError("bad_configuration", message, { cause: error });
  }
}

async function readText(path: string, mayBePipe: boolean): Promise<string> {
  const about = await stat(resolve(path));
  if (about.isDirectory()) throw new Error("it is a directory, not a file");
  if (about.isFIFO() && !mayBePipe) throw new Error("it is a pipe; use a file, which can be read again");
  if (about.size > MAX_KIB * 1024) throw new Error(`it is too large; the limit is ${MAX_KIB} KiB`);
  const bytes = await readFile(resolve(path));
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const place = firstLost(bytes);
    throw new FileError([{ file: path, ...place, message: "this is not UTF-8; save the file as UTF-8" }]);
  }
}

/** True also for a link that leads nowhere. */
function isThere(path: string): boolean {
  return lstatSync(resolve(path), { throwIfNoEntry: false }) !== undefined;
}

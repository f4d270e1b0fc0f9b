import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { z } from "zod";
import { FileError, parseYaml } from "../shared/config/yaml.ts";
import { CliError } from "./failure.ts";

/**
 * Reads the config file of a long-running command. One that was named must be there; a default one need not.
 * Throws CliError `bad_configuration` naming file, line and field.
 */
export async function readConfigFile(
  schema: z.ZodType,
  file: { named: string | undefined; fallback?: string },
): Promise<{ path: string; content: unknown } | undefined> {
  const path = file.named ?? file.fallback;
  if (path === undefined) return undefined;
  try {
    return { path, content: parseYaml(await readFile(resolve(path), "utf8"), path, schema) };
  } catch (error) {
    const missing = (error as { code?: string }).code === "ENOENT";
    if (missing && file.named === undefined) return undefined;
    const message =
      error instanceof FileError ? error.message : `cannot read ${path}: ${whyOf(error, missing)}`;
    throw new CliError("bad_configuration", message, { cause: error });
  }
}

function whyOf(error: unknown, missing: boolean): string {
  return missing ? "there is no such file" : (error as Error).message;
}

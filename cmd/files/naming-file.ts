import type { FileErrorReason } from "../../sdk/files/file-error.ts";
import { codeOf } from "../../shared/code-of.ts";
import { CliError } from "../exit/failure.ts";

/** Puts the label before what is wrong with a file, and gives it an exit code. */
export async function namingFile<T>(label: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    const { name, reason, message } = error as Error & { reason?: FileErrorReason };
    if (name !== "FileError" || reason === undefined) throw error;
    throw new CliError(codeFor(reason, error), `${label}: ${message}`, { cause: error });
  }
}

function codeFor(reason: FileErrorReason, error: unknown) {
  if (reason === "disk") return "cannot_write";
  const isMissing = reason === "unreadable" && codeOf((error as Error).cause) === "ENOENT";
  return isMissing ? "not_found" : "bad_data";
}

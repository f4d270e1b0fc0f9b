import type { FileError, FileErrorReason } from "../../sdk/files/file-error.ts";
import { codeOf } from "../../shared/code-of.ts";
import { CliError } from "../exit/failure.ts";

/**
 * Puts the label before what is wrong with a file, and gives it an exit code.
 *
 * @param source the path that the label stands for.
 */
export async function namingFile<T>(label: string, body: () => Promise<T>, source?: string): Promise<T> {
  try {
    return await body();
  } catch (error) {
    const { name, reason, path, message } = error as Partial<FileError> & Error;
    if (name !== "FileError" || reason === undefined) throw error;
    // The label names the source itself already.
    const isSource = path !== undefined && (path === label || path === source);
    const what = isSource ? message.slice(path.length + ": ".length) : message;
    throw new CliError(codeFor(reason, error), `${label}: ${what}`, { cause: error });
  }
}

function codeFor(reason: FileErrorReason, error: unknown) {
  if (reason === "disk") return "cannot_write";
  const isMissing = reason === "unreadable" && codeOf((error as Error).cause) === "ENOENT";
  return isMissing ? "not_found" : "bad_data";
}

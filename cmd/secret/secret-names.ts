import { secretName } from "../../shared/job-files.ts";
import { CliError } from "../exit/failure.ts";

/** Why the value of a secret is not an argument. It does not repeat the argument. */
export const NOT_ON_THE_LINE =
  "the value is not taken from the command line, where the shell's history and other users of this machine see it; " +
  "pipe it in, use --from-file, or type it when asked";

/** Throws CliError `usage` without the text, which may contain a value. */
export function checkSecretName(text: string | undefined): string {
  const result = secretName().safeParse(text);
  if (result.success) return result.data;
  throw new CliError(
    "usage",
    text?.includes("=") ? NOT_ON_THE_LINE : (result.error.issues[0]?.message ?? ""),
  );
}

import { ComputeError, UnreachableError } from "../../sdk/index.ts";
import { SignInError } from "./oauth.ts";

/** An error as a person reads it. */
export interface Said {
  title: string;
  /** What failed, why, and what to do. */
  detail: string;
  /** Trying again may help. */
  mayRepeat: boolean;
}

/** Something was not done, for a reason that is no failure. The message is a sentence, and says what to do. */
export class NotDone extends Error {
  override name = "NotDone";
}

/** Their messages name the file and say what to do. */
const FILE_ERRORS: ReadonlySet<string> = new Set(["FileError", "TooManyFilesError"]);

export function sayError(error: unknown): Said {
  if (error instanceof UnreachableError)
    return {
      title: "The server does not answer",
      detail: `${error.message} The page tries again by itself.`,
      mayRepeat: true,
    };
  if (error instanceof ComputeError)
    return {
      title: titleOf(error),
      detail: error.message,
      mayRepeat: error.status >= 500 || error.status === 429,
    };
  if (error instanceof NotDone)
    return { title: "This was not done", detail: error.message, mayRepeat: false };
  if (error instanceof SignInError)
    return { title: "You could not be signed in", detail: error.message, mayRepeat: true };
  if (error instanceof Error && FILE_ERRORS.has(error.name))
    return { title: "The files cannot be sent", detail: error.message, mayRepeat: true };
  const text = error instanceof Error ? error.message : String(error);
  return {
    title: "Something in this page failed",
    detail: `${text}. Load the page again; if it happens again, please report it.`,
    mayRepeat: true,
  };
}

function titleOf({ code, status }: ComputeError): string {
  if (code === "not_found") return "There is no such thing";
  if (code === "forbidden") return "You may not do this";
  if (code === "session_ended" || code === "unauthenticated") return "You are signed out";
  if (code === "rate_limited") return "Too many requests";
  return status >= 500 ? "The server failed" : "The server refused this";
}

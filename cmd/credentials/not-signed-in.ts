import { ComputeError } from "../../sdk/errors.ts";

/** There is no session, or it has ended. To the client's caller it looks like the server's own answer. */
export class NotSignedInError extends ComputeError {
  constructor(
    code: "unauthenticated" | "token_expired" | "session_ended",
    why: string,
    readonly todo: string,
  ) {
    super(code, why);
  }
}

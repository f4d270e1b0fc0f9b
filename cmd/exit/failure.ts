import type { FileIssue } from "../../shared/config/yaml.ts";
import type { FieldError } from "../../shared/errors.ts";
import { exitCodeOfProblem, exitCodes } from "./exit-codes.ts";
import type { EndingSignal } from "./signals.ts";

/** A failure that the CLI itself detected. */
export class CliError extends Error {
  override name = "CliError";
  readonly exitCode: number;
  /** Stable, for `--json`. */
  readonly code: string;
  readonly todo: string | undefined;

  constructor(code: keyof typeof codes, message: string, options: { todo?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.exitCode = codes[code];
    this.todo = options.todo;
  }
}

/** A signal ended a wait, and everything it asks for is done and reported: now the command dies of it. */
export class LeftError extends Error {
  override name = "LeftError";

  constructor(readonly signal: EndingSignal) {
    super(`ended by ${signal}`);
  }
}

const codes = {
  usage: exitCodes.usage,
  bad_data: exitCodes.badData,
  not_found: exitCodes.notFound,
  unreachable: exitCodes.unreachable,
  not_signed_in: exitCodes.notAllowed,
  cannot_write: exitCodes.ioError,
  output_incomplete: exitCodes.ioError,
  try_again: exitCodes.tryAgain,
  bad_configuration: exitCodes.badConfiguration,
} as const;

/** A failure as stderr shows it, with its exit code. `--json` prints this object unchanged. */
export interface Failure {
  code: string;
  message: string;
  todo?: string;
  exitCode: number;
  /** What was wrong with a request, by field. */
  errors?: FieldError[];
  /** What was wrong with a file, by line. */
  issues?: FileIssue[];
  requestId?: string;
}

const LOGIN_TODO = "Run tanvrit-compute auth login";

/** The one place that turns any thrown error into a message and an exit code. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof CliError) {
    return { code: error.code, message: error.message, todo: error.todo, exitCode: error.exitCode };
  }
  // By name, so only the commands that need these classes load their modules.
  if (isNamed(error, "ComputeError")) return problemFailure(error as Error & ProblemLike);
  if (isNamed(error, "UnreachableError")) {
    return { code: "unreachable", message: error.message, exitCode: exitCodes.unreachable };
  }
  if (isNamed(error, "OtherServerError")) {
    return { code: "other_server", message: error.message, exitCode: exitCodes.unreachable };
  }
  if (
    isNamed(error, "AgentError") ||
    isNamed(error, "SessionEndedError") ||
    isNamed(error, "NodeTakenError")
  ) {
    const todo = isNamed(error.cause, "CredentialStoreError") ? describeFailure(error.cause).todo : undefined;
    return { code: "agent_stopped", message: error.message, todo, exitCode: exitCodeOfCause(error.cause) };
  }
  if (isNamed(error, "FileError")) {
    const { issues } = error as Error & { issues: FileIssue[] };
    return { code: "bad_data", message: error.message, issues, exitCode: exitCodes.badData };
  }
  if (isNamed(error, "OptionError")) {
    const ofFlag = (error as Error & { source?: string }).source === "flag";
    if (ofFlag) return { code: "usage", message: error.message, exitCode: exitCodes.usage };
    return { code: "bad_configuration", message: error.message, exitCode: exitCodes.badConfiguration };
  }
  if (isNamed(error, "CredentialStoreError")) {
    const { message, todo } = error as Error & { todo: string };
    return { code: "bad_configuration", message, todo, exitCode: exitCodes.badConfiguration };
  }
  if (isNamed(error, "TokenFileError")) {
    const todo = "Have the token written to the file that TANVRIT_TOKEN_FILE names, or unset it";
    return { code: "bad_configuration", message: error.message, todo, exitCode: exitCodes.badConfiguration };
  }
  if (isNamed(error, "UnsafeDirectoryError")) {
    return { code: "bad_configuration", message: error.message, exitCode: exitCodes.badConfiguration };
  }
  if (isRefusedBySystem(error)) {
    const todo = "Check the disk, and this account's permissions and limits there";
    return { code: "io_error", message: error.message, todo, exitCode: exitCodes.ioError };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    code: "internal",
    message: `unexpected failure: ${text}`,
    todo: "This is a bug in tanvrit-compute; please report it with the lines above",
    exitCode: exitCodes.internal,
  };
}

/** An agent that gave up exits with the code of what made it give up. */
function exitCodeOfCause(cause: unknown): number {
  const { exitCode } = describeFailure(cause);
  return exitCode === exitCodes.internal ? exitCodes.failed : exitCode;
}

interface ProblemLike {
  code: Parameters<typeof exitCodeOfProblem>[0];
  errors?: FieldError[];
  retryAfterSeconds?: number;
  todo?: string;
}

function problemFailure(error: Error & ProblemLike): Failure {
  const exitCode = exitCodeOfProblem(error.code);
  return {
    code: error.code,
    message: error.message,
    todo: error.todo ?? todoOfProblem(error, exitCode),
    exitCode,
    errors: error.errors,
    requestId: (error.cause as { requestId?: string } | undefined)?.requestId,
  };
}

function todoOfProblem(error: Error & ProblemLike, exitCode: number): string | undefined {
  if (error.code === "credit_exhausted") return "See tanvrit-compute credit balance; an owner can grant more";
  if (error.code === "forbidden") {
    // Other requests are refused to everyone; their message says what to do instead.
    const asksAlready = error.message.includes("Ask ");
    return /\bowner\b/.test(error.message) && !asksAlready
      ? "Ask an owner or admin of this business"
      : undefined;
  }
  // The message says what to do, and a sign-in would not help.
  if (error.code === "quota_exceeded" || error.code === "link_expired") return undefined;
  if (exitCode === exitCodes.notAllowed) return LOGIN_TODO;
  if (exitCode !== exitCodes.tryAgain) return undefined;
  return error.retryAfterSeconds ? `Try again in ${error.retryAfterSeconds} s` : "Try again in a moment";
}

/** A full disk or a missing permission, for example. The message names the system call and, if there is one, the path. */
function isRefusedBySystem(error: unknown): error is Error {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return error instanceof Error && typeof syscall === "string" && /^E[A-Z0-9]+$/.test(code ?? "");
}

function isNamed(error: unknown, name: string): error is Error {
  return error instanceof Error && error.name === name;
}

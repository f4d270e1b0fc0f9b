import type { Execution, Job, Node } from "../../../sdk/index.ts";

/** The index of a job in its array. */
export function indexOf({ arrayId, env }: Job): string | undefined {
  return arrayId === undefined ? undefined : env.TANVRIT_ARRAY_INDEX;
}

type Ended = Pick<Execution, "exitCode" | "signal">;

/** `exit code 3`, `SIGKILL`; undefined if the command did not end by itself. */
export function endOf({ exitCode, signal }: Ended): string | undefined {
  return signal ?? (exitCode === undefined ? undefined : `exit code ${exitCode}`);
}

/** Why a job or attempt failed, and what a person can do about it. */
export interface Reasoned {
  title: string;
  todo: string;
}

const REASONS: Readonly<Record<NonNullable<Job["reason"]>, Reasoned>> = {
  ResourceExceeded: {
    title: "It used more than it may",
    todo: "Clone it with more memory or other resources, or let it use less.",
  },
  Timeout: {
    title: "It ran longer than its time limit",
    todo: "Clone it with a higher time limit (timeoutSeconds), or find out what took so long: the log ends where it stopped.",
  },
  CreditExhausted: {
    title: "The credit for hosted nodes is used up",
    todo: "Ask an owner of the business for credit, then retry it; or clone it into a pool of your own nodes.",
  },
  StartFailed: {
    title: "The node could not start it",
    todo: "The message says what is missing on the node: a program, an image, a directory. Clone the job with a correction, or correct the node and retry.",
  },
  StartTimeout: {
    title: "No node started it in time",
    todo: "Its node may be pulling a large image or be overloaded. Retry it, or give it a longer startTimeoutSeconds.",
  },
  QueueExpired: {
    title: "No node took it in time",
    todo: "Add a node that fits, or give it a longer queueTtlSeconds; then retry it.",
  },
  Skipped: {
    title: "It was skipped",
    todo: "A job that it comes after did not end as required. Retry that job together with the jobs after it.",
  },
  NodeLost: {
    title: "The node stopped answering",
    todo: "Look whether the machine is up and connected, then retry the job. What it did before is in the log.",
  },
  AgentRestarted: {
    title: "The agent on the node died or was restarted",
    todo: "Retry the job. With maxRetries, the server does that by itself.",
  },
  Revoked: {
    title: "The node lost its access",
    todo: "Somebody removed the node or its key. Retry the job to run it on another one.",
  },
};

const CODES: Readonly<Record<number, string>> = {
  126: "126 usually means that the file exists but cannot be executed. Check its permissions and its first line.",
  127: "127 usually means that the program was not found. Check the name, the PATH of the node, or the image.",
  137: "137 means that something killed it with SIGKILL, often because memory ran out.",
  139: "139 means that the program crashed with a bad memory access (SIGSEGV).",
  143: "143 means that something asked it to end with SIGTERM.",
};
const SIGNALS: Readonly<Record<string, string>> = {
  SIGKILL: "Something killed it, often because memory ran out on the node.",
  SIGSEGV: "The program crashed with a bad memory access.",
  SIGTERM: "Something on the node asked it to end.",
};

/** What to say about a job that did not succeed; undefined for any other. */
export function failureOf(job: Job): Reasoned | undefined {
  if (job.reason !== undefined) return REASONS[job.reason];
  if (job.status === "TIMEOUT") return REASONS.Timeout;
  if (job.status !== "FAILED") return undefined;
  if (job.array !== undefined)
    return {
      title: "Not all of its jobs succeeded",
      todo: "Look at those that failed below. A retry of the array runs only those again.",
    };
  if (job.type === "GITHUB_ACTION")
    return {
      title: "The workflow failed",
      todo: "Its part of the log says why. A retry of the failed jobs keeps what the others did.",
    };
  const { exitCode, signal } = job;
  const known = signal === undefined ? CODES[exitCode ?? 0] : SIGNALS[signal];
  return {
    title:
      signal === undefined ? `The command ended with exit code ${exitCode}` : `${signal} ended the command`,
    todo: known ?? "The end of the log usually says why.",
  };
}

/** What a node is called, also after it is gone. */
export function nodeText(node: Node | undefined, nodeId: string): string {
  return node?.name ?? `${nodeId.slice(0, 12)}…`;
}

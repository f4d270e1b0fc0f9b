/** What a simulated job does when it runs. */
export interface SimulatedJob {
  /** From the assignment to the start of its command. */
  startMs: number;
  runMs: number;
  /** How many lines it writes, the first half early and the rest at its end. */
  lines: number;
  /** It fails as long as its attempt is not above this. */
  failures: number;
}

/** The command by which a simulated agent knows what the job does. */
export function commandOf({ startMs, runMs, lines, failures }: SimulatedJob): string[] {
  return ["simulated", ...[startMs, runMs, lines, failures].map(String)];
}

export function jobOf(command: string | readonly string[] | undefined): SimulatedJob {
  const [startMs = 0, runMs = 0, lines = 0, failures = 0] = [...(command ?? [])].slice(1).map(Number);
  return { startMs, runMs, lines, failures };
}

/** The `seq`th line of the execution's output. */
export function lineOf(executionId: string, seq: number): string {
  return `${executionId} ${seq}`;
}

/** The execution and the number of a line. */
export function partsOfLine(text: string): [executionId: string, seq: number] {
  const [executionId = "", seq] = text.split(" ");
  return [executionId, Number(seq)];
}

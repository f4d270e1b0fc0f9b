/** A failed test, as `bun test` reported it. */
export interface Failure {
  file: string;
  /** The test's name and duration, or a fixed text for an error outside of tests. */
  name: string;
  /** The error and its stack: everything printed since the previous test ended. */
  said: string[];
}

/** Keep only this many lines of a failure. Its end says more than its beginning. */
const MAX_SAID_LINES = 60;

/** Collects the failures from the lines that `bun test` prints, so that the runner can repeat them at the end. */
export class Failures {
  readonly found: Failure[] = [];
  private file = "";
  private said: string[] = [];
  private over = false;

  /** @param line without its line break; may contain colours. */
  take(line: string): void {
    const plain = Bun.stripANSI(line);
    // At the end of a long run Bun lists the failures again, without their errors.
    if (/^\d+ tests? failed:$/.test(plain)) this.over = true;
    if (this.over) return;
    const outcome = /^\((pass|fail|skip|todo)\) (.*)$/.exec(plain);
    if (/^\S+\.test\.tsx?:$/.test(plain)) {
      this.file = plain.slice(0, -1);
      this.said = [];
    } else if (outcome) {
      if (outcome[1] === "fail") this.failed(outcome[2] as string);
      this.said = [];
    } else if (plain.startsWith("# Unhandled error between tests")) {
      this.said = [];
      this.failed("outside its tests");
    } else if (plain.startsWith("  ^ ") && this.said.length === 0) {
      // A remark that Bun adds below a failed test, such as that it timed out.
      this.found.at(-1)?.said.push(plain.trim());
    } else {
      this.said.push(plain);
      if (this.said.length > MAX_SAID_LINES) this.said.shift();
    }
  }

  /** For an error outside of tests, Bun prints the heading first. The lines that follow are added to `said` later. */
  private failed(name: string): void {
    this.found.push({ file: this.file, name, said: this.said });
  }
}

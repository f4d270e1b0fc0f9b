/** A test that failed, as `bun test` told it. */
export interface Failure {
  file: string;
  /** The test's name and its time; of an error outside the tests of a file, that it is one. */
  name: string;
  /** The error and where it was thrown: what was printed since the test before it had ended. */
  said: string[];
}

/** More than this of one failure is not told twice; its end says more than its beginning. */
const MAX_SAID_LINES = 60;

/** Picks the failures out of the lines that `bun test` writes, so that they can be told once more at the end. */
export class Failures {
  readonly found: Failure[] = [];
  private file = "";
  private said: string[] = [];
  private over = false;

  /** @param line without its line break; colours may be in it. */
  take(line: string): void {
    const plain = Bun.stripANSI(line);
    // Bun names the failures of a long run once more at its end, without their errors.
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
      // What Bun adds to the line of a test that failed, as that its time was up.
      this.found.at(-1)?.said.push(plain.trim());
    } else {
      this.said.push(plain);
      if (this.said.length > MAX_SAID_LINES) this.said.shift();
    }
  }

  /** What comes next is added to `said` of an error outside of tests, which is told before its text. */
  private failed(name: string): void {
    this.found.push({ file: this.file, name, said: this.said });
  }
}

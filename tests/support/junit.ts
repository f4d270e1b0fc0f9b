export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** The counts of a JUnit report that `bun test` wrote; zeros if there is no report. */
export function readCounts(xml: string): Counts {
  const head = /<testsuites\b[^>]*>/.exec(xml)?.[0] ?? "";
  const tests = attribute(head, "tests");
  const failed = attribute(head, "failures");
  const skipped = attribute(head, "skipped");
  return { passed: tests - failed - skipped, failed, skipped };
}

/** The last line of a test run. Programs parse it. */
export function summaryLine(counts: Counts): string {
  const line = `${counts.passed} passed, ${counts.failed} failed`;
  return counts.skipped > 0 ? `${line}, ${counts.skipped} skipped` : line;
}

function attribute(tag: string, name: string): number {
  return Number(new RegExp(`\\s${name}="(\\d+)"`).exec(tag)?.[1] ?? 0);
}

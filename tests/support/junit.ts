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

/** The tests that a report of `bun test` has as skipped: their file and their name. */
export function readSkipped(xml: string): string[] {
  const cases = xml.matchAll(/<testcase\b([^>]*[^/])>\s*<skipped \/>/g);
  return [...cases].map(([, tag = ""]) => `${text(tag, "file")}: ${text(tag, "name")}`);
}

/** The last line of a test run. Programs parse it. */
export function summaryLine(counts: Counts): string {
  const line = `${counts.passed} passed, ${counts.failed} failed`;
  return counts.skipped > 0 ? `${line}, ${counts.skipped} skipped` : line;
}

function text(tag: string, name: string): string {
  const [, escaped = ""] = new RegExp(`\\s${name}="([^"]*)"`).exec(tag) ?? [];
  return escaped
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

function attribute(tag: string, name: string): number {
  return Number(new RegExp(`\\s${name}="(\\d+)"`).exec(tag)?.[1] ?? 0);
}

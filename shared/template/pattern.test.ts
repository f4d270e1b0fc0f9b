import { expect, test } from "bun:test";
import { Patterns } from "./pattern.ts";
import { patternSize } from "./pattern-size.ts";

const matches = (source: string, value: string) => new Patterns().matches(source, value);

test("a pattern matches whole values as a regular expression would", () => {
  const patterns = ["a|bc|", "(ab)+c?", "[a-c_-]{2,3}", "\\d+(?:\\.\\d{1,2})?", "[^x]*", "a.c", "\\w+@\\w+"];
  const more = [
    "^[A-Z][a-z]*$",
    "x{0}",
    "(a*)*b",
    "[\\]\\\\]",
    "\\$\\(",
    "é+",
    "😀?",
    "a\\.b",
    "\\S\\s",
    "(a|b)*abb",
  ];
  const values = ["", "a", "bc", "ababc", "ab", "a_-", "3.14", "3.", "x", "axc", "a\nc", "me@you", "aababb"];
  const others = [
    "Anna",
    "anna",
    "aaab",
    "]",
    "\\",
    "$(",
    "éé",
    "😀",
    "a.b",
    "axb",
    "1 ",
    "abcd",
    "aaaaaaaaac",
  ];
  for (const source of [...patterns, ...more]) {
    // With the flag u, a trailing dash in […] would need a backslash.
    const expected = new RegExp(`^(?:${source})$`, source.includes("-]") ? "" : "u");
    for (const value of [...values, ...others]) {
      expect({ source, value, ok: matches(source, value) }).toEqual({
        source,
        value,
        ok: expected.test(value),
      });
    }
  }
});

test("RE2 syntax beyond JavaScript's works too", () => {
  expect(matches("(?i)anna", "ANNA")).toBe(true);
  expect(matches("\\p{Lu}\\p{Ll}+", "Äpfel")).toBe(true);
  expect(matches("\\bx\\b", "x")).toBe(true);
});

test("an unsupported or incomplete pattern is refused with a reason", () => {
  const cases: [string, string][] = [
    ["(?=a)", "(?="],
    ["(a", "missing closing )"],
    ["a)", "unexpected )"],
    ["[a", "missing closing ]"],
    ["*a", "missing argument to repetition"],
    ["a{3,2}", "invalid repeat count"],
    ["[z-a]", "invalid character class range"],
    ["\\1", "invalid escape sequence"],
    ["a\\", "trailing backslash"],
    ["(((a{1000}){1000}){1000})", "too large"],
    ["(?:[ab]{1,100}){1,100}", "too large"],
  ];
  for (const [source, message] of cases) expect(() => new Patterns().check(source)).toThrow(message);
});

test("the size of a pattern is estimated before it is compiled", () => {
  expect(patternSize("abc")).toBe(3);
  expect(patternSize("[a-z0-9]{1,63}")).toBe(63);
  expect(patternSize("(?:ab){10}c{2,}")).toBeLessThan(70);
  expect(patternSize("((a{10}){10}){10}")).toBeGreaterThanOrEqual(1_000);
  expect(patternSize("\\{5}[{9}]")).toBeLessThan(10);
  expect(patternSize(`${"(".repeat(500)}`)).toBeLessThan(1_000);
  expect(patternSize("(a{9999}".repeat(60))).toBeGreaterThan(2_000);
});

test("all patterns of a request together are limited in size and in matching work", () => {
  const patterns = new Patterns();
  const large = (i: number) => `[a-z]{1,1000}${i}`;
  for (let i = 0; i < 4; i++) patterns.check(large(i));
  expect(() => patterns.check(large(9))).toThrow("together with the other patterns");
  // A known pattern is not counted again.
  patterns.check(large(0));
  const worst = new Patterns();
  const value = "ab".repeat(2_048);
  const run = () => {
    for (let i = 0; i < 100; i++) worst.matches(`${"(a|a)*".repeat(50)}${i}`, value);
  };
  const startMs = performance.now();
  expect(run).toThrow("too much work");
  expect(performance.now() - startMs).toBeLessThan(1_000);
});

test("no pattern within its limits takes long, even if a backtracking engine would take years", () => {
  const sources = [
    "(a+)+b",
    "(a|a)*(a|a)*x",
    "[ab]*a[ab]{100}c",
    "(?:(?:[ab]|b)*a){20}x",
    "(a?){50}a{50}",
    "(.*)(.*)(.*)a[ab]{90}c",
  ];
  for (const source of sources) {
    const startMs = process.cpuUsage().user;
    expect(matches(source, "abba".repeat(400))).toBe(false);
    expect((process.cpuUsage().user - startMs) / 1_000).toBeLessThan(300);
  }
});

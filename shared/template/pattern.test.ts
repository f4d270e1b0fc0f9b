import { expect, test } from "bun:test";
import { Pattern } from "./pattern.ts";

test("a pattern matches whole values as a regular expression would", () => {
  const patterns = [
    "a|bc|",
    "(ab)+c?",
    "[a-c_-]{2,3}",
    "\\d+(?:\\.\\d{1,2})?",
    "[^x]*",
    "a.c",
    "\\w+@\\w+",
    "(a|b)*abb",
  ];
  const more = ["^[A-Z][a-z]*$", "x{0}", "(a*)*b", "[\\]\\\\]", "\\$\\(", "é+", "😀?", "a\\.b", "\\S\\s"];
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
    "aaaaaaaaaaaaaaaaaaaaaaaac",
  ];
  for (const source of [...patterns, ...more]) {
    const pattern = new Pattern(source);
    const expected = new RegExp(`^(?:${source.replace(/^\^|\$$/g, "")})$`, "u");
    for (const value of [...values, ...others]) {
      if (source === "[a-c_-]{2,3}" || !source.includes("-]")) {
        expect({ source, value, ok: pattern.matches(value) }).toEqual({
          source,
          value,
          ok: expected.test(value),
        });
      }
    }
  }
});

test("a pattern that would take a backtracking engine years takes milliseconds", () => {
  const startMs = performance.now();
  expect(new Pattern("(a+)+b").matches("a".repeat(4_000))).toBe(false);
  expect(new Pattern("(a|a)*(a|a)*x").matches("a".repeat(4_000))).toBe(false);
  expect(performance.now() - startMs).toBeLessThan(2_000);
});

test("what is not supported or not complete is refused in words", () => {
  const cases: [string, string][] = [
    ["(?=a)", "(?:…)"],
    ["(a", "without its )"],
    ["a)", "without its ("],
    ["[a", "without its ]"],
    ["*a", "nothing before"],
    ["a{x}", "literal one"],
    ["a{3,2}", "out of order"],
    ["[z-a]", "out of order"],
    ["\\1", "not supported"],
    ["\\bx", "not supported"],
    ["a$b", "middle"],
    ["(((a{1000}){1000}){1000})", "too large"],
    ["a\\", "ends too early"],
    [`${"(".repeat(60)}a${")".repeat(60)}`, "inside each other"],
  ];
  for (const [source, message] of cases) expect(() => new Pattern(source)).toThrow(message);
});

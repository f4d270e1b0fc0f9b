import { expect, test } from "bun:test";
import { PLAIN, spansOf, styleAfter } from "./colours.ts";
import { contrast, GROUNDS, readableOn, rgbOf } from "./contrast.ts";

const looks = (text: string, begin?: string) =>
  spansOf(text, begin).map(({ text, style, href }) => [
    text,
    style.foreground,
    style.background,
    style.decorations.join(),
    ...(href ? [href] : []),
  ]);

test("colours of 16, 256 and 16 million, and decorations", () => {
  expect(looks("a\x1b[31mb\x1b[1mc\x1b[0md")).toEqual([
    ["a", null, null, ""],
    ["b", "ansi-red", null, ""],
    ["c", "ansi-red", null, "bold"],
    ["d", null, null, ""],
  ]);
  expect(looks("\x1b[38;5;208mx\x1b[48;2;1;2;3my\x1b[39mz")).toEqual([
    ["x", "ansi-palette-208", null, ""],
    ["y", "ansi-palette-208", "1, 2, 3", ""],
    ["z", null, "1, 2, 3", ""],
  ]);
  expect(looks("\x1b[3mi\x1b[4mu")).toEqual([
    ["i", null, null, "italic"],
    ["u", null, null, "italic,underline"],
  ]);
  expect(spansOf("plain")).toEqual([{ text: "plain", style: PLAIN }]);
});

test("links lead to http and https only", () => {
  const link = (href: string) => looks(`\x1b]8;id=1;${href}\x07here\x1b]8;;\x07 on`);
  expect(link("https://example.org/a")).toEqual([
    ["here", null, null, "", "https://example.org/a"],
    [" on", null, null, ""],
  ]);
  for (const bad of ["javascript:alert(1)", "data:text/html,x", "https://", "/there", "file:///etc/passwd"]) {
    expect(link(bad)[0]).toEqual(["here", null, null, ""]);
  }
});

test("a colour that is not switched off goes on in the next line", () => {
  const after = styleAfter("\x1b[1;31mred", "");
  expect(looks("still", after)).toEqual([["still", "ansi-red", null, "bold"]]);
  expect(styleAfter("plain", after)).toBe(after);
  expect(styleAfter("over\x1b[0m", after)).toBe("");
  expect(styleAfter("\x1b[22;39m", after)).toBe("");
  expect(styleAfter("\x1b[38;5;1mx\x1b[39m", "")).toBe("");
  expect(styleAfter("\x1b[1mbold\x1b[22m \x1b[32mgreen\x1b[39m", "")).toBe("");
});

test("every colour can be read on both grounds", () => {
  const colours = Array.from({ length: 240 }, (_, i) => `ansi-palette-${i + 16}`);
  for (const name of [...colours, "0, 0, 0", "255, 255, 255", "255, 255, 0", "0, 0, 255"]) {
    const colour = rgbOf(name);
    if (!colour) throw new Error(name);
    for (const ground of Object.values(GROUNDS)) {
      expect(contrast(readableOn(colour, ground), ground)).toBeGreaterThanOrEqual(4.5);
    }
  }
});

import { expect, test } from "bun:test";
import { cleanText, plainText } from "./clean-text.ts";

const shown = (raw: string) => plainText(cleanText(raw).text);

test("a progress bar is shown in its last state", () => {
  expect(shown("10%\r50%\r100%")).toBe("100%");
  expect(shown("10%\r100%\r")).toBe("100%");
  expect(shown("\r\x1b[K10%\r\x1b[K100%\r\x1b[K")).toBe("100%");
  expect(shown("a line that ends as on Windows\r")).toBe("a line that ends as on Windows");
  expect(shown("\r")).toBe("");
  expect(shown("|\b/\b-\bdone")).toBe("done");
});

test("colours and links stay; what moves the cursor, rings or talks to a terminal goes", () => {
  expect(cleanText("\x1b[31mred\x1b[0m")).toEqual({ text: "\x1b[31mred\x1b[0m", escapes: true });
  expect(cleanText("\x1b[2K\x1b[1Aup\x07 \x1b]0;title\x07and \x1b(Bon\x1b[?25l")).toEqual({
    text: "up and on",
    escapes: false,
  });
  const link = "\x1b]8;;https://example.org\x1b\\here\x1b]8;;\x1b\\";
  expect(cleanText(link).text).toBe("\x1b]8;;https://example.org\x07here\x1b]8;;\x07");
  expect(shown(`${link}!`)).toBe("here!");
  expect(shown("cut \x1b[3")).toBe("cut ");
  expect(shown("a\tb\x00c")).toBe("a\tbc");
});

test("colours in the notation of ISO 8613-6 mean the same", () => {
  expect(cleanText("\x1b[38:2::1:2:3mx").text).toBe("\x1b[38;2;1;2;3mx");
  expect(cleanText("\x1b[38:5:200mx").text).toBe("\x1b[38;5;200mx");
  expect(cleanText("\x1b[4:3mx\x1b[4:0m").text).toBe("\x1b[4mx\x1b[24m");
});

test("a long line that is nearly all colours is cleaned in a moment", () => {
  const startMs = performance.now();
  cleanText(`${"\x1b[31ma".repeat(50_000)}\x07`);
  cleanText("x\r".repeat(500_000));
  cleanText("\x1b".repeat(200_000));
  cleanText("\x1b]8;".repeat(20_000));
  expect(performance.now() - startMs).toBeLessThan(5_000);
});

import { expect, test } from "bun:test";
import { outputGlob } from "./job-files.ts";

test("a directory's name with a slash is everything in it, and a dot is everything", () => {
  const written = { "dist/": "dist/**", "./dist/*.js": "dist/*.js", ".": "**", "./": "**", "*.xml": "*.xml" };
  for (const [text, glob] of Object.entries(written)) expect(outputGlob().parse(text)).toBe(glob);
  for (const text of ["", "..", "/tmp/*", "a/../../b", "a\nb"]) {
    expect(outputGlob().safeParse(text).success).toBe(false);
  }
});

import { afterAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeDirectory } from "./execution-run.ts";

const dir = mkdtempSync(join(tmpdir(), "execution-run-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Root may remove anything, so that there is nothing to make writable first. */
test.skipIf(process.getuid?.() === 0)(
  "what a job closed to itself is removed, names that are no text included, and nothing behind a link is touched",
  async () => {
    const others = join(dir, "others");
    mkdirSync(others, { mode: 0o500 });
    const path = join(dir, "job");
    const noText = Buffer.concat([Buffer.from(`${path}/a/`), Buffer.from([0xff, 0xfe])]);
    mkdirSync(join(path, "a"), { recursive: true });
    mkdirSync(noText);
    mkdirSync(Buffer.concat([noText, Buffer.from("/inner")]));
    symlinkSync(others, join(path, "a", "link"));
    for (const closed of [noText, join(path, "a")]) chmodSync(closed, 0);
    await removeDirectory(path);
    expect(existsSync(path)).toBeFalse();
    expect(statSync(others).mode & 0o777).toBe(0o500);
  },
);

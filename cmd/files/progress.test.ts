import { expect, test } from "bun:test";
import { progressText } from "./progress.ts";

const MIB = 1024 * 1024;
const half = { bytes: 512 * MIB, totalBytes: 1024 * MIB, files: 3, totalFiles: 212 };

test("the line says how much is done, how fast, how long it will take, and how many files", () => {
  expect(progressText("sending", half, 32 * MIB, 79)).toBe(
    "sending 512 MiB of 1 GiB, 32 MiB/s, 16 s left, 3 of 212 files",
  );
  expect(progressText("sending", half, 100_000, 79)).toContain("1 h 30 min left");
  expect(progressText("sending", half, undefined, 79)).toBe("sending 512 MiB of 1 GiB, 3 of 212 files");
  expect(progressText("sending", half, 0, 79)).toBe("sending 512 MiB of 1 GiB, 0 bytes/s, 3 of 212 files");
});

test("the line never exceeds the terminal", () => {
  for (let columns = 0; columns < 80; columns++) {
    expect(progressText("sending", half, 32 * MIB, columns).length).toBeLessThanOrEqual(columns);
  }
  expect(progressText("sending", half, 32 * MIB, 40)).toBe("sending 512 MiB of 1 GiB, 32 MiB/s");
});

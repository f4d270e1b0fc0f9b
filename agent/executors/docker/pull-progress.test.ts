import { expect, test } from "bun:test";
import { type PullEvent, PullProgress } from "./pull-progress.ts";

const MIB = 1024 * 1024;
const layer = (n: number) => n.toString(16).padStart(12, "0");
const tick = (n: number, current: number, total: number): PullEvent => ({
  status: "Downloading",
  id: layer(n),
  progressDetail: { current, total },
});

test("thousands of ticks from many layers become one line every five seconds, about the whole image", () => {
  const progress = new PullProgress(0);
  const lines: string[] = [];
  const note = (event: PullEvent, atMs: number) => {
    const line = progress.note(event, atMs);
    if (line) lines.push(line);
  };
  note({ status: "Pulling from library/alpine", id: "latest" }, 0);
  for (let n = 1; n <= 4; n++) note({ status: "Pulling fs layer", id: layer(n) }, 1);
  note({ status: "Already exists", id: layer(5) }, 2);
  for (let ms = 10; ms <= 12_000; ms += 10) note(tick(1 + (ms % 4), (ms / 12_000) * 50 * MIB, 50 * MIB), ms);
  note({ status: "Pull complete", id: layer(1) }, 12_100);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/^1 of 5 layers done, \d+ MB of \d+ MB$/);
  note({ status: "Digest: sha256:abc" }, 12_200);
  note({ status: "Download complete", id: layer(1) }, 12_200);
  expect(progress.summary()).toMatch(/ MB fetched, sha256:abc$/);
});

test("a pull that ends quickly logs nothing before its end", () => {
  const progress = new PullProgress(0);
  expect(progress.note({ status: "Image is up to date for alpine:latest" }, 300)).toBeUndefined();
  expect(progress.summary()).toBe("nothing had to be fetched");
});

test("layers without a known size count by the bytes that arrived", () => {
  const progress = new PullProgress(0);
  progress.note(tick(1, 30 * MIB, -1), 1);
  progress.note({ status: "Download complete", id: layer(1) }, 2);
  expect(progress.summary()).toBe("30 MB fetched");
});

test("waiting long for a registry to answer is logged once", () => {
  const progress = new PullProgress(0);
  expect(progress.note({}, 6_000)).toBe("waiting for the registry");
  expect(progress.note({}, 12_000)).toBeUndefined();
});

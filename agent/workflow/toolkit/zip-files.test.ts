import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unzipFiles, zipFiles } from "./zip-files.ts";

const root = mkdtempSync(join(tmpdir(), "zip-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("an archive gives back names, bytes and programs", async () => {
  const files: [string, Buffer, number][] = [
    ["a.txt", Buffer.from("a"), 0o644],
    ["deep/ü ber/program", Buffer.from("#!/bin/sh\n"), 0o755],
    ["empty", Buffer.alloc(0), 0o600],
    ["large.bin", Buffer.alloc(3 * 1024 * 1024, "abc"), 0o644],
  ];
  const entries = files.map(([name, bytes, mode], i) => {
    const path = join(root, `file-${i}`);
    writeFileSync(path, bytes);
    chmodSync(path, mode);
    return { name, path };
  });
  for (const level of [0, 6]) {
    const archive = join(root, `${level}.zip`);
    const target = join(root, `out-${level}`);
    await zipFiles(archive, entries, level);
    expect(await unzipFiles(archive, target)).toBe(files.length);
    for (const [name, bytes, mode] of files) {
      expect(readFileSync(join(target, name)).equals(bytes)).toBe(true);
      expect(statSync(join(target, name)).mode & 0o100).toBe(mode & 0o100);
    }
  }
});

test("an archive never writes outside of its directory", async () => {
  const source = join(root, "source");
  writeFileSync(source, "evil");
  const outside = join(root, "outside");
  mkdirSync(outside);
  for (const name of ["../escaped", "/etc/escaped", "link/escaped"]) {
    const archive = join(root, "evil.zip");
    const target = join(root, "target");
    mkdirSync(target, { recursive: true });
    rmSync(join(target, "link"), { force: true });
    symlinkSync(outside, join(target, "link"));
    await zipFiles(archive, [{ name, path: source }], 0);
    await expect(unzipFiles(archive, target)).rejects.toThrow(/Unsafe filename|behind a link/);
  }
  expect(statSync(outside).nlink).toBe(2);
});

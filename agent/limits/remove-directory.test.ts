import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeDirectory } from "./remove-directory.ts";

const NOBODY = "65534";
const dir = mkdtempSync(join(tmpdir(), "remove-directory-"));
const owners = join(dir, "owner's own");
const inner = join(owners, "inner");
mkdirSync(inner, { recursive: true });
const mayMount = Bun.spawnSync([
  "sh",
  "-c",
  'mount -t tmpfs x "$0" && mount --make-shared "$0"',
  inner,
]).success;
afterAll(() => {
  if (mayMount) Bun.spawnSync(["umount", inner]);
  rmSync(dir, { recursive: true, force: true });
});

test("read-only content of a job is removed, even with names that are not UTF-8, and nothing behind a link is touched", () => {
  const others = join(dir, "others");
  mkdirSync(others, { mode: 0o500 });
  const work = join(dir, "work");
  const path = join(work, "job");
  const noText = Buffer.concat([Buffer.from(`${path}/a/`), Buffer.from([0xff, 0xfe])]);
  mkdirSync(join(path, "a"), { recursive: true });
  mkdirSync(noText);
  mkdirSync(Buffer.concat([noText, Buffer.from("/inner")]));
  symlinkSync(others, join(path, "a", "link"));
  for (const closed of [noText, join(path, "a")]) chmodSync(closed, 0);
  expect(removeAsOrdinaryAccount(work, path)).toEqual({ exitCode: 0, stderr: "" });
  expect(existsSync(path)).toBeFalse();
  expect(statSync(others).mode & 0o777).toBe(0o500);
});

/** As root it would remove anything without making it writable first, so it becomes another account. */
function removeAsOrdinaryAccount(work: string, path: string) {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) {
    chmodSync(dir, 0o711);
    Bun.spawnSync(["chown", "-hR", NOBODY, work]);
  }
  const as = isRoot ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"] : [];
  const module = join(import.meta.dirname, "remove-directory.ts");
  const script = `const { removeDirectory } = await import("${module}"); await removeDirectory(process.argv[1]);`;
  const { exitCode, stderr } = Bun.spawnSync([...as, process.execPath, "-e", script, path]);
  return { exitCode, stderr: stderr.toString() };
}

test.skipIf(!mayMount)("a mount in a job directory is unmounted, not emptied", async () => {
  const path = join(dir, "mounting job");
  const [copy, stacked] = [join(path, "a copy"), join(path, "stacked")];
  for (const point of [copy, stacked]) mkdirSync(point, { recursive: true });
  await Bun.write(join(owners, "kept"), "data");
  await Bun.write(join(inner, "kept"), "data");
  const script = 'mount --rbind "$0" "$1"; mount -t tmpfs x "$2"; mount -t tmpfs x "$2"';
  expect(Bun.spawnSync(["sh", "-c", script, owners, copy, stacked]).success).toBeTrue();
  expect(readdirSync(join(copy, "inner"))).toEqual(["kept"]);
  await removeDirectory(path);
  expect(existsSync(path)).toBeFalse();
  expect(readdirSync(owners).sort()).toEqual(["inner", "kept"]);
  expect(readdirSync(inner)).toEqual(["kept"]);
});

import { expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openToOthers, withUmask } from "../support/other-account.ts";
import { Person } from "../support/person.ts";
import { Running, runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";

const serve = (home: string, dataDir: string) =>
  withUmask(0, () => new Running(home, ["server", "--port", "0", "--data-dir", dataDir]));

test("another account cannot read a server's data, even if the data directory was open before, whatever the umask", async () => {
  await using scratch = await makeScratch();
  chmodSync(scratch.path, 0o755);
  const data = scratch.join("data");
  mkdirSync(data, { mode: 0o755 });
  await using server = serve(scratch.path, data);
  await server.said(/listening on/);
  expect(server.stderr).toContain("could enter");
  expect(statSync(data).mode & 0o777).toBe(0o700);
  // Even if someone opens the directory by hand, its files stay closed.
  chmodSync(data, 0o755);
  expect(openToOthers(data)).toEqual([data]);
});

test("files that an older release left readable are closed at the next start, also after kill -9", async () => {
  await using scratch = await makeScratch();
  chmodSync(scratch.path, 0o755);
  const data = scratch.join("data");
  await using first = serve(scratch.path, data);
  await first.said(/listening on/);
  await first.stop("SIGKILL");
  const files = ["compute.db", "compute.db-wal"].map((name) => scratch.join("data", name));
  for (const file of files) chmodSync(file, 0o644);
  chmodSync(data, 0o755);
  await using second = serve(scratch.path, data);
  await second.said(/listening on/);
  chmodSync(data, 0o755);
  expect(files.every((file) => existsSync(file))).toBe(true);
  expect(openToOthers(data)).toEqual([data]);
});

test("another account cannot read a person's home or agent files, whatever the umask", async () => {
  await using person = await withUmask(0, () => Person.withServer());
  chmodSync(person.home.path, 0o755);
  await withUmask(0, () => person.startAgent());
  await withUmask(0, () => person.get(["job", "run", "--", "sh", "-c", "echo out > file"]));
  expect(openToOthers(person.home.path)).toEqual([person.home.path]);
});

test("a job gets the umask that its agent was started with", async () => {
  await using person = await Person.withServer();
  await withUmask(0o027, () => person.startAgent());
  expect(await person.get(["job", "run", "--", "sh", "-c", "umask"])).toMatch(/^0?027$/);
});

test("a data directory that belongs to another account or holds other files is refused and not changed", async () => {
  await using scratch = await makeScratch();
  const start = (name: string) =>
    runProgram(scratch.path, ["server", "--port", "0", "--data-dir", scratch.join(name)]);
  mkdirSync(scratch.join("foreign"), { mode: 0o700 });
  chownSync(scratch.join("foreign"), 65534, 65534);
  const foreign = await start("foreign");
  expect(foreign.exitCode).toBe(78);
  expect(foreign.stderr).toContain("another account");
  expect(foreign.stderr).toContain(`--data-dir ${scratch.join("foreign", "server")}`);
  mkdirSync(scratch.join("shared"), { mode: 0o755 });
  writeFileSync(scratch.join("shared", "letter.txt"), "mine");
  expect(await start("shared")).toMatchObject({
    exitCode: 78,
    stderr: expect.stringContaining("contains other files"),
  });
  expect(statSync(scratch.join("shared")).mode & 0o777).toBe(0o755);
});

test("a device that a name in the data directory links to keeps its mode and stays a device", async () => {
  await using scratch = await makeScratch();
  const [data, device] = [scratch.join("data"), scratch.join("null")];
  mkdirSync(data, { mode: 0o700 });
  expect(Bun.spawnSync(["mknod", "-m", "666", device, "c", "1", "3"]).exitCode).toBe(0);
  for (const name of ["compute.db", "secret.key"]) symlinkSync(device, join(data, name));
  const { exitCode } = await runProgram(scratch.path, ["server", "--port", "0", "--data-dir", data]);
  expect(exitCode).toBe(78);
  const { mode } = lstatSync(device);
  expect([lstatSync(device).isCharacterDevice(), mode & 0o777]).toEqual([true, 0o666]);
});

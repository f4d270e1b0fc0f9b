import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { DirectoryBlobs } from "../../server/blob/directory-blobs.ts";
import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { newId } from "../../shared/ids.ts";
import { runProgram } from "../support/program.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { TestServer } from "../support/server.ts";
import { SmallDisk } from "../support/small-disk.ts";
import { type StoredFiles, storeFiles } from "../support/store-files.ts";

const FILES = 12;

test("a backup of a working server has its files, and restores them", async () => {
  await using stage = await filledDataDir();
  await using server = await TestServer.start({ TANVRIT_DATA_DIR: stage.dataDir });
  const backup = stage.scratch.join("backup");
  const made = await stage.run("backup", backup, "--json");
  expect(made).toMatchObject({ exitCode: 0, stderr: "" });
  expect(JSON.parse(made.stdout).files).toMatchObject({ packs: FILES + 1, missing: 0 });
  for (const path of packFiles(backup)) expect(statSync(path).mode & 0o077).toBe(0);
  const checked = await runProgram(stage.scratch.path, ["server", "check", "--deep", "--data-dir", backup]);
  expect(checked).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("1 artifact") });

  await server.stop();
  rmSync(stage.fileOf("file-3"));
  const broken = await stage.run("check");
  expect(broken.exitCode).toBe(1);
  expect(broken.stdout).toContain(
    `${stage.stored.artifact.artifactId}: file-3: the pack ${stage.stored.packs["file-3"]}`,
  );
  const restored = await stage.run("restore", backup, "--replace");
  expect(restored).toMatchObject({ exitCode: 0 });
  expect(await stage.run("check", "--deep")).toMatchObject({ exitCode: 0 });
  const [aside = ""] = readdirSync(stage.dataDir).filter((name) => name.startsWith("replaced-"));
  expect(packFiles(join(stage.dataDir, aside))).toHaveLength(FILES);
  await server.startAgain();
  // The backup stays as it was.
  expect(packFiles(backup)).toHaveLength(FILES + 1);
});

test("du shows how much the files take, whether the server runs or not", async () => {
  await using stage = await filledDataDir();
  const usage = async () => JSON.parse((await stage.run("du", "--json")).stdout);
  const stopped = await usage();
  expect(stopped.packs).toBe(FILES + 1);
  expect(stopped.fileBytes).toBeGreaterThan(FILES * 50_000);
  expect((await stage.run("du")).stdout).toMatch(/files: \d+ KiB in 13 packs/);
  await using _server = await TestServer.start({ TANVRIT_DATA_DIR: stage.dataDir });
  expect(await usage()).toMatchObject({ packs: stopped.packs, fileBytes: stopped.fileBytes });
});

test.skipIf(!SmallDisk.isPossible)("a backup to another disk has the files too", async () => {
  await using stage = await filledDataDir();
  using disk = SmallDisk.mount(stage.scratch.join("disk"), 64);
  expect(await stage.run("backup", join(disk.path, "backup"))).toMatchObject({ exitCode: 0 });
  const dataDir = stage.scratch.join("elsewhere");
  const restored = await runProgram(stage.scratch.path, [
    "server",
    "restore",
    join(disk.path, "backup"),
    "--data-dir",
    dataDir,
  ]);
  expect(restored).toMatchObject({ exitCode: 0 });
  const check = ["server", "check", "--deep", "--data-dir", dataDir];
  expect(await runProgram(stage.scratch.path, check)).toMatchObject({ exitCode: 0 });
});

test("a backup and a restore say which files they lack, and where these may be", async () => {
  await using stage = await filledDataDir();
  const lost = stage.stored.packs["file-1"];
  rmSync(stage.fileOf("file-1"));
  const backup = stage.scratch.join("backup");
  const made = await stage.run("backup", backup);
  expect(made.exitCode).toBe(0);
  expect(made.stderr).toContain(
    `the backup lacks 1 pack of files, such as ${lost}, because ${stage.dataDir}/artifacts`,
  );
  expect(made.stderr).toContain("If the server keeps files in a bucket (--artifacts), copy that too");
  const inBucket = await stage.run("backup", stage.scratch.join("second"), "--artifacts", "s3://mine/x");
  expect(inBucket.stderr).toContain("files are in s3://mine/x, so copy that bucket too");
  const restored = await stage.run("restore", backup, "--replace");
  expect(restored.exitCode).toBe(0);
  expect(restored.stderr).toContain(`the backup lacks 1 pack of files, such as ${lost}; start`);
});

test("a link in the files of a backup is refused, and nothing is restored", async () => {
  await using stage = await filledDataDir();
  const backup = stage.scratch.join("backup");
  expect(await stage.run("backup", backup)).toMatchObject({ exitCode: 0 });
  const [some = ""] = packFiles(backup);
  rmSync(some);
  symlinkSync("/etc/passwd", some);
  const target = stage.scratch.join("target");
  mkdirSync(target, { mode: 0o700 });
  const refused = await runProgram(stage.scratch.path, ["server", "restore", backup, "--data-dir", target]);
  expect(refused).toMatchObject({ exitCode: 65, stderr: expect.stringContaining("is not a plain file") });
  expect(readdirSync(target)).toEqual([]);
});

interface Stage extends AsyncDisposable {
  scratch: Scratch;
  dataDir: string;
  stored: StoredFiles;
  fileOf: (name: string) => string;
  /** A `server` command on the data directory. */
  run: (...args: string[]) => ReturnType<typeof runProgram>;
}

/** The data directory of a server that keeps an artifact with some files. */
async function filledDataDir(): Promise<Stage> {
  const scratch = await makeScratch();
  const dataDir = scratch.join("data");
  mkdirSync(dataDir, { mode: 0o700 });
  const stores = openSqliteStores(dataDir);
  const blobs = new DirectoryBlobs(join(dataDir, "artifacts"));
  await blobs.prepare();
  const files = Array.from(
    { length: FILES },
    (_, i) => [`file-${i}`, new Uint8Array(50_000).fill(i + 1)] as const,
  );
  const stored = await storeFiles(stores, blobs, newId("biz"), Object.fromEntries(files));
  await stores.close();
  const fileOf = (name: string) => {
    const [, pack = ""] = stored.packs[name]?.split("/") ?? [];
    return packFiles(dataDir).find((path) => path.endsWith(pack)) ?? "";
  };
  const run = (...args: string[]) =>
    runProgram(scratch.path, ["server", ...args, "--data-dir", dataDir], {
      env: { TANVRIT_DATA_DIR: dataDir },
    });
  return {
    scratch,
    dataDir,
    stored,
    fileOf,
    run,
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  };
}

function packFiles(dir: string): string[] {
  const artifacts = join(dir, "artifacts");
  const paths = readdirSync(artifacts, { recursive: true }).map((name) => join(artifacts, String(name)));
  return paths.filter((path) => statSync(path).isFile());
}

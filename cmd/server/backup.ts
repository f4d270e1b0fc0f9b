import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { s3Url } from "../../server/blob/s3-blobs.ts";
import { artifactsOptions } from "../../server/compose/artifacts-place.ts";
import type { ServerSettings } from "../../server/compose/options.ts";
import { writeFileAtomic } from "../../shared/atomic-file.ts";
import { bytesText } from "../../shared/bytes-text.ts";
import { defineOptions } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import { makePrivateDirectory } from "../../shared/private-directory.ts";
import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import { ARTIFACTS, type CopiedFiles, copyArtifacts, missingPacks } from "./artifacts-copy.ts";
import { copyFilePrivately, copyStore, proveStore, SECRET_KEY, STORE_FILE } from "./store-copy.ts";
import { refuseWithoutStore, storeOptions, storeSettings } from "./store-owner.ts";

const PROGRESS_EVERY_MS = 5_000;

export const command = defineCommand({
  options: defineOptions({
    "data-dir": storeOptions["data-dir"],
    artifacts: {
      ...artifactsOptions.artifacts,
      fileKey: undefined,
      help: "The --artifacts of the server: dir or s3://BUCKET/PREFIX",
    },
    ...jsonOption,
  }),
  positionals: [{ name: "DIR", help: "where the copy goes: a new or an empty directory" }],
  examples: [
    { line: "server backup /backup/compute-$(date +%F)", does: "Make a backup while the server runs" },
    { line: "server restore /backup/compute-2026-01-31", does: "Restore it" },
  ],
  details: `Copies the embedded store, its key and its files as of one moment, and verifies the copy. The server runs on;
changes made meanwhile are not in the copy. Files in a bucket are not copied: the command says so, and how many the copy
needs. On the same disk, a copy of a file takes no room. The copy holds everything the server holds, including its keys: only this account can
read it, so keep it that way. Copy a store in MongoDB with mongodump, and its key file by hand.`,
  async run({ options, positionals, env, output }) {
    const settings = storeSettings({ ...options, store: "sqlite" }, env);
    refuseWithoutStore(settings);
    const target = resolve(positionals[0] ?? "");
    if (existsSync(target) && readdirSync(target).length > 0) {
      throw new CliError("bad_data", `${target} is not empty`, {
        todo: "Name a directory that does not exist yet",
      });
    }
    const startMs = performance.now();
    const partial = `${target}.partial-${process.pid}`;
    try {
      makePrivateDirectory(partial);
      const { bytes, files, missing } = await copyAll(settings, partial, output);
      const about = { version: packageJson.version, at: new Date().toISOString(), bytes, files };
      writeFileAtomic(join(partial, "backup.json"), `${JSON.stringify(about)}\n`);
      if (existsSync(target)) rmSync(target, { recursive: true });
      renameSync(partial, target);
      if (options.json) await output.json({ directory: target, ...about });
      else {
        const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
        await output.note(
          `tanvrit-compute: ${bytesText(bytes)} copied to ${target} and verified, and ${bytesText(about.files.bytes)} of files, in ${seconds} s`,
        );
        if (!existsSync(join(settings.dataDir, SECRET_KEY))) {
          await output.note(
            "tanvrit-compute: the key file that --secret-key-file names is not in the backup; keep it too",
          );
        }
      }
      if (missing.length > 0) await output.note(leftOut(missing, settings));
      return exitCodes.ok;
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  },
});

interface Copied {
  /** Of the store. */
  bytes: number;
  files: CopiedFiles & { missing: number };
  /** Packs of files that the store needs, and that are not in the data directory. */
  missing: string[];
}

/** Copies the store as of one moment, its key, and every file that it needs. */
async function copyAll(settings: ServerSettings, to: string, output: Output): Promise<Copied> {
  const { dataDir } = settings;
  const earlier = await copyFiles(dataDir, to, output);
  const key = join(dataDir, SECRET_KEY);
  const keyBefore = contentOf(key);
  const bytes = await copyStore(dataDir, join(to, STORE_FILE));
  proveStore(join(to, STORE_FILE));
  if (existsSync(key)) await copyFilePrivately(key, join(to, SECRET_KEY));
  if (keyBefore !== undefined && contentOf(join(to, SECRET_KEY)) !== keyBefore) {
    throw new CliError("try_again", "the secret key was rotated while the store was copied", {
      todo: "Run the command again",
    });
  }
  // The store may have files that came after the first look. None that it has is removed so soon after it came.
  const later = await copyFiles(dataDir, to, output);
  const missing = await missingPacks(join(to, STORE_FILE), join(to, ARTIFACTS));
  const [packs, ofFiles] = [earlier.packs + later.packs, earlier.bytes + later.bytes];
  return { bytes, files: { packs, bytes: ofFiles, missing: missing.length }, missing };
}

/** Undefined if there is no such file. */
function contentOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

async function copyFiles(dataDir: string, to: string, output: Output): Promise<CopiedFiles> {
  let saidAtMs = performance.now();
  return copyArtifacts(join(dataDir, ARTIFACTS), join(to, ARTIFACTS), ({ packs, bytes }) => {
    if (performance.now() - saidAtMs < PROGRESS_EVERY_MS) return;
    saidAtMs = performance.now();
    // A line that cannot be written must not end the backup.
    void output
      .note(`tanvrit-compute: ${counted(packs, "pack")} of files, ${bytesText(bytes)}`)
      .catch(() => undefined);
  });
}

/** What the backup lacks, and how to get it. */
function leftOut(missing: readonly string[], { artifacts, dataDir }: ServerSettings): string {
  const lacks = `tanvrit-compute: the backup lacks ${counted(missing.length, "pack")} of files, such as ${missing[0]}`;
  if (artifacts.kind === "s3")
    return `${lacks}; files are in ${s3Url(artifacts)}, so copy that bucket too, after this`;
  return (
    `${lacks}, because ${join(dataDir, ARTIFACTS)} lacks them. If the server keeps files in a bucket (--artifacts), copy ` +
    "that too; otherwise they are lost, and server check names the artifacts"
  );
}

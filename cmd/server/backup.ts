import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { writeFileAtomic } from "../../shared/atomic-file.ts";
import { bytesText } from "../../shared/bytes-text.ts";
import { defineOptions } from "../../shared/config/options.ts";
import { makePrivateDirectory } from "../../shared/private-directory.ts";
import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import { copyFilePrivately, copyStore, proveStore, SECRET_KEY, STORE_FILE } from "./store-copy.ts";
import { refuseWithoutStore, storeOptions, storeSettings } from "./store-owner.ts";

export const command = defineCommand({
  options: defineOptions({ "data-dir": storeOptions["data-dir"], ...jsonOption }),
  positionals: [{ name: "DIR", help: "where the copy goes: a new or an empty directory" }],
  examples: [
    { line: "server backup /backup/compute-$(date +%F)", does: "Make a backup while the server runs" },
    { line: "server restore /backup/compute-2026-01-31", does: "Restore it" },
  ],
  details: `Copies the embedded store and its key as of one moment, and verifies the copy. The server runs on; changes made
meanwhile are not in the copy. The copy holds everything the server holds, including its keys: only this account can
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
      const key = join(settings.dataDir, SECRET_KEY);
      const keyBefore = contentOf(key);
      const bytes = await copyStore(settings.dataDir, join(partial, STORE_FILE));
      proveStore(join(partial, STORE_FILE));
      if (existsSync(key)) await copyFilePrivately(key, join(partial, SECRET_KEY));
      if (keyBefore !== undefined && contentOf(join(partial, SECRET_KEY)) !== keyBefore) {
        throw new CliError("try_again", "the secret key was rotated while the store was copied", {
          todo: "Run the command again",
        });
      }
      const about = { version: packageJson.version, at: new Date().toISOString(), bytes };
      writeFileAtomic(join(partial, "backup.json"), `${JSON.stringify(about)}\n`);
      if (existsSync(target)) rmSync(target, { recursive: true });
      renameSync(partial, target);
      if (options.json) await output.json({ directory: target, ...about });
      else {
        const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
        await output.note(
          `tanvrit-compute: ${bytesText(bytes)} copied to ${target} and verified, in ${seconds} s`,
        );
        if (!existsSync(key)) {
          await output.note(
            "tanvrit-compute: the key file that --secret-key-file names is not in the backup; keep it too",
          );
        }
      }
      return exitCodes.ok;
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  },
});

/** Undefined if there is no such file. */
function contentOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

import { existsSync, lstatSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { defineOptions, flagOption } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import { makePrivateDirectory } from "../../shared/private-directory.ts";
import { defineCommand } from "../command/command.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import { ARTIFACTS, copyArtifacts, missingPacks } from "./artifacts-copy.ts";
import { copyFilePrivately, proveStore, SECRET_KEY, STORE_FILE } from "./store-copy.ts";
import { openStoreOf, storeOptions, storeSettings } from "./store-owner.ts";

export const command = defineCommand({
  options: defineOptions({
    "data-dir": {
      ...storeOptions["data-dir"],
      help: "Where the stopped server keeps its data, or will keep it",
    },
    replace: flagOption("Move an existing store aside, into a directory next to it"),
  }),
  positionals: [{ name: "DIR", help: "a directory that server backup made" }],
  examples: [
    { line: "server restore /backup/compute-2026-01-31", does: "Restore into an empty data directory" },
    { line: "server restore --replace /backup/compute-2026-01-31", does: "Replace the existing store" },
  ],
  details: `The server must be stopped. Jobs, nodes, people and schedules are as they were when the backup was made: agents
come back with their keys, and end jobs that the server no longer knows.`,
  async run({ options, positionals, env, output }) {
    const settings = storeSettings({ ...options, store: "sqlite" }, env);
    const { dataDir } = settings;
    const source = resolve(positionals[0] ?? "");
    if (!existsSync(join(source, STORE_FILE))) {
      throw new CliError("not_found", `there is no backup in ${source}`, {
        todo: "Name a directory that server backup made",
      });
    }
    for (const name of [STORE_FILE, SECRET_KEY]) requireFile(join(source, name));
    const isThere = existsSync(join(dataDir, STORE_FILE));
    if (isThere && !options.replace) {
      throw new CliError("bad_data", `there is already a store in ${dataDir}`, {
        todo: "Give --replace to move it aside, or name another directory with --data-dir",
      });
    }
    // This fails if a server has the store open.
    if (isThere) await (await openStoreOf(settings)).close();
    makePrivateDirectory(dataDir);
    const incoming = join(dataDir, `restoring-${process.pid}`);
    try {
      makePrivateDirectory(incoming);
      await copyFilePrivately(join(source, STORE_FILE), join(incoming, STORE_FILE));
      proveStore(join(incoming, STORE_FILE));
      const files = await copyArtifacts(join(source, ARTIFACTS), join(incoming, ARTIFACTS));
      const hasFiles = files.packs > 0;
      const missing = await missingPacks(
        join(incoming, STORE_FILE),
        join(hasFiles ? incoming : dataDir, ARTIFACTS),
      );
      const hasKey = existsSync(join(source, SECRET_KEY));
      if (hasKey) await copyFilePrivately(join(source, SECRET_KEY), join(incoming, SECRET_KEY));
      const isInTheWay = isThere || (hasFiles && existsSync(join(dataDir, ARTIFACTS)));
      const aside = isInTheWay ? putAside(dataDir, { hasKey, hasFiles }) : undefined;
      if (hasKey) renameSync(join(incoming, SECRET_KEY), join(dataDir, SECRET_KEY));
      if (hasFiles) renameSync(join(incoming, ARTIFACTS), join(dataDir, ARTIFACTS));
      renameSync(join(incoming, STORE_FILE), join(dataDir, STORE_FILE));
      await output.note(`tanvrit-compute: restored to ${dataDir}; start the server`);
      if (missing.length > 0) await output.note(notThere(missing));
      if (aside) await output.note(`tanvrit-compute: the old store is in ${aside}`);
      return exitCodes.ok;
    } finally {
      rmSync(incoming, { recursive: true, force: true });
    }
  },
});

/** Refuses links and devices: a backup contains none, so somebody else put them there. */
function requireFile(path: string): void {
  const entry = lstatSync(path, { throwIfNoEntry: false });
  if (!entry || entry.isFile()) return;
  throw new CliError("bad_data", `${path} is not a plain file`, {
    todo: "Name a directory that server backup made",
  });
}

function notThere(missing: readonly string[]): string {
  return (
    `tanvrit-compute: the backup lacks ${counted(missing.length, "pack")} of files, such as ${missing[0]}; start the ` +
    "server with the --artifacts where they are"
  );
}

/** Moves the store, and what the backup replaces besides, out of the way; returns where they are now. */
function putAside(dataDir: string, { hasKey, hasFiles }: { hasKey: boolean; hasFiles: boolean }): string {
  const aside = join(dataDir, `replaced-${new Date().toISOString().replaceAll(":", "-")}`);
  makePrivateDirectory(aside);
  const names = [`${STORE_FILE}-wal`, `${STORE_FILE}-shm`, STORE_FILE];
  if (hasKey) names.push(SECRET_KEY);
  if (hasFiles) names.push(ARTIFACTS);
  for (const name of names) {
    if (existsSync(join(dataDir, name))) renameSync(join(dataDir, name), join(aside, name));
  }
  return aside;
}

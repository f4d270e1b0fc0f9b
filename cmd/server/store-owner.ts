import { existsSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import { type ServerSettings, serverOptions, serverSettings } from "../../server/compose/options.ts";
import { maskedUrl } from "../../server/runtime/masked-url.ts";
import type { Env } from "../../shared/config/home.ts";
import { defineOptions, resolveOptions } from "../../shared/config/options.ts";
import { ComputeError } from "../../shared/errors.ts";
import { listedServers, maintenanceAnswer } from "../../shared/sockets/local-server.ts";
import type { StoreRequest } from "../../shared/sockets/maintenance.ts";
import { ask, placeOf } from "../connection/local-socket.ts";
import { CliError } from "../exit/failure.ts";
import { badStoreUrl } from "./bad-store-url.ts";

/** The options that name the store of a `server` command. */
export const storeOptions = defineOptions({
  "data-dir": {
    ...serverOptions["data-dir"],
    help: "Where the server keeps its data, running or stopped",
    fileKey: undefined,
  },
  store: {
    ...serverOptions.store,
    help: "sqlite, in the data directory; or the mongodb:// URL of a replica set",
    fileKey: undefined,
  },
});

/** The option that names the key file of a `server` command's store. */
export const keyFileOption = defineOptions({
  "secret-key-file": {
    ...serverOptions["secret-key-file"],
    help: "The key file that the server was started with",
    fileKey: undefined,
  },
});

/** A server may have much to do before it answers. */
const ANSWER_LIMIT_MS = 120_000;

/** Server settings; only those of the store matter. */
export function storeSettings(
  options: {
    "data-dir": string | undefined;
    store: string;
    artifacts?: string | undefined;
    "artifacts-endpoint"?: string | undefined;
    "secret-key-file"?: string | undefined;
  },
  env: Env,
): ServerSettings {
  const defaults = resolveOptions(serverOptions, { flags: {}, env: {} });
  return serverSettings({ ...defaults, ...options }, env);
}

/** Throws if there is no embedded store in the data directory. */
export function refuseWithoutStore({ store, dataDir }: Pick<ServerSettings, "store" | "dataDir">): void {
  if (store !== "sqlite" || existsSync(join(dataDir, "compute.db"))) return;
  const todo = "Name the data directory of a server with --data-dir";
  throw new CliError("not_found", `there is no store in ${dataDir}`, { todo });
}

/**
 * Asks the server that runs on the data directory. Resolves with undefined if no server runs; throws ComputeError if it
 * refuses.
 */
export async function askServerOf<Result>(
  dataDir: string,
  request: StoreRequest,
  schema: z.ZodType<Result>,
): Promise<Result | undefined> {
  const { lists, owner } = placeOf(dataDir);
  for (const { server } of lists.flatMap((list) => listedServers(list, owner))) {
    const answer = await ask(server, request, owner, maintenanceAnswer, ANSWER_LIMIT_MS);
    if (answer?.ok) return schema.parse(answer.result);
    if (answer) throw new ComputeError(answer.code, answer.why);
  }
  return undefined;
}

/** Asks the server of an embedded store, or does the work here if no server runs. */
export async function maintain<Result>(
  settings: ServerSettings,
  request: StoreRequest,
  schema: z.ZodType<Result>,
): Promise<Result> {
  if (settings.store === "sqlite") {
    refuseWithoutStore(settings);
    const answer = await askServerOf(settings.dataDir, request, schema);
    if (answer !== undefined) return answer;
  }
  const stores = await openStoreOf(settings);
  try {
    const { Maintenance } = await import("../../server/retention/maintenance.ts");
    const { filesUsage } = await import("../../server/artifact/files-usage.ts");
    const { resealAll } = await import("../../server/secret/reseal.ts");
    const { pruneArtifacts } = await import("../../server/collect/prune.ts");
    const { retention, file, clock } = stores;
    const now = () => clock?.now() ?? Date.now();
    const maintenance = new Maintenance({
      retention,
      file,
      filesUsage: () => filesUsage(stores.artifacts),
      pruneArtifacts: (olderThanMs, dryRun) => pruneArtifacts({ ...stores, now }, olderThanMs, dryRun),
      reseal: () => resealAll(stores),
      now,
    });
    return schema.parse(await maintenance.answer(request));
  } finally {
    await stores.close();
  }
}

/** Opens the store itself, which only works while no server has it. Close it afterwards. */
export async function openStoreOf(settings: ServerSettings) {
  refuseWithoutStore(settings);
  const { openStores } = await import("../../server/compose/open-stores.ts");
  return openStores(settings).catch((cause) => {
    throw explainStore(cause, settings);
  });
}

/** Explains why the place of files cannot be used. */
export function explainFiles(cause: unknown): unknown {
  const { name, message, code } = cause as { name?: string; message: string; code?: string };
  if (name === "ArtifactsPlaceError") {
    return new CliError("bad_configuration", `cannot read files: ${message}`, { cause });
  }
  return code === "storage_failed"
    ? new CliError("unreachable", `cannot read everything: ${message}`, { cause })
    : cause;
}

export const NEWER_TODO = "Use that version, or restore a backup from before the upgrade";

/** Explains why a store cannot be used, and what to do. */
export function explainStore(
  cause: unknown,
  { store, dataDir }: Pick<ServerSettings, "store" | "dataDir">,
): unknown {
  const place = store === "sqlite" ? dataDir : maskedUrl(store);
  const { name, message, code } = cause as { name?: string; message: string; code?: string };
  if (name === "StoreInUseError") {
    return new CliError("unreachable", message, { cause, todo: "Stop that server first" });
  }
  if (name === "NewerStoreError") {
    return new CliError("bad_configuration", message, { cause, todo: NEWER_TODO });
  }
  if (name === "BadStoreUrlError") return badStoreUrl(`the store ${place}`, cause);
  if (name === "SealError" || name === "KeyFileError") {
    const todo = "Name the key file of the server with --secret-key-file";
    return new CliError("bad_configuration", message, { cause, todo });
  }
  if (code === "storage_failed") {
    const todo = "Check that MongoDB is running and that --store names it, with the right account";
    return new CliError("unreachable", `cannot use the store ${place}: ${message}`, { cause, todo });
  }
  if (name !== "SQLiteError") return cause;
  return new CliError("bad_data", `cannot read the store in ${place}: ${message}`, { cause });
}

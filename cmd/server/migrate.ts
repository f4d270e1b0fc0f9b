import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BlobStore } from "../../server/blob/blob-store.ts";
import { artifactsOptions, artifactsPlaceOf } from "../../server/compose/artifacts-place.ts";
import { serverOptions } from "../../server/compose/options.ts";
import type { MoveReport } from "../../server/migrate/move.ts";
import { maskedUrl } from "../../server/runtime/masked-url.ts";
import { accountHome, type Env } from "../../shared/config/home.ts";
import { defineOptions, flagOption, optionText } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import { formatTable } from "../output/table.ts";
import { badStoreUrl } from "./bad-store-url.ts";

const PROGRESS_EVERY_MS = 1_000;
const CHECKSUM_CHARS = 12;
const SOURCE_SCHEME = "sqlite:";

const MOVED_PLACE = /^(gridfs|s3:\/\/[A-Za-z0-9].*)$/;
const FROM_PLACE = /^(dir|s3:\/\/[A-Za-z0-9].*)$/;

const options = defineOptions({
  ...jsonOption,
  from: {
    kind: "value",
    placeholder: "sqlite:PATH",
    schema: () =>
      optionText.refine((from) => from.startsWith(SOURCE_SCHEME) && from !== SOURCE_SCHEME, {
        error: "must be sqlite: and the server's data directory, like sqlite:~/.tanvrit/server",
      }),
    help: "The data directory of a stopped server, or the compute.db in it",
  },
  to: {
    kind: "value",
    placeholder: "URL",
    env: "TANVRIT_STORE",
    schema: () =>
      optionText.regex(/^mongodb(\+srv)?:\/\/./, {
        error: "must be a URL like mongodb://host/database?replicaSet=name",
      }),
    help: "The mongodb:// URL of a replica set and an empty database",
  },
  artifacts: {
    ...artifactsOptions.artifacts,
    schema: optionText
      .regex(MOVED_PLACE, { error: "must be gridfs or a place like s3://bucket/prefix" })
      .default("gridfs"),
    fileKey: undefined,
    defaultText: "gridfs",
    help: "Where files go: gridfs (in the same MongoDB) or s3://BUCKET/PREFIX; start the servers with the same",
  },
  "from-artifacts": {
    kind: "value",
    placeholder: "PLACE",
    schema: optionText
      .regex(FROM_PLACE, { error: "must be dir or a place like s3://bucket/prefix" })
      .default("dir"),
    defaultText: "dir",
    help: "The --artifacts of the old server: dir or s3://BUCKET/PREFIX",
  },
  "artifacts-endpoint": { ...artifactsOptions["artifacts-endpoint"], fileKey: undefined },
  "secret-key-file": {
    ...serverOptions["secret-key-file"],
    fileKey: undefined,
    defaultText: "secret.key next to the database",
    help: "The key file that this server was started with",
  },
  "dry-run": flagOption("Show what would be moved, and write nothing"),
  "leave-damaged": flagOption("Move the rest if content of files is missing or damaged in the source"),
  restart: flagOption("Remove what an unfinished run has stored, and start over"),
});

export const command = defineCommand({
  options,
  examples: [
    {
      line: "server migrate --from sqlite:~/.tanvrit/server --to mongodb://db/compute",
      does: "Move everything this server has kept",
    },
    {
      line: "server migrate --from sqlite:./data --dry-run",
      does: "Show how much that is; the URL is in TANVRIT_STORE",
    },
  ],
  details: [
    "Moves users, sign-ins, nodes, jobs, logs, files and everything else from the embedded store to MongoDB; tokens and",
    "node keys stay valid. Stop the server first. An interrupted run continues where it stopped. At the end both sides are",
    "compared by count and checksum; before that no server starts on the new store. The old store stays unchanged.",
  ].join("\n"),
  async run({ options, env, output }) {
    const from = sourceOf(options.from);
    const to = targetOf(options.to);
    const report = await move(from, to, { ...options, env }, output).catch((error) => {
      throw explain(error, from, to);
    });
    await show(report, options, output);
    return conclude(report, options["dry-run"], maskedUrl(to), output);
  },
});

interface MoveFlags {
  env: Env;
  artifacts: string;
  "from-artifacts": string;
  "artifacts-endpoint": string | undefined;
  "leave-damaged": boolean;
  "secret-key-file": string | undefined;
  "dry-run": boolean;
  restart: boolean;
}

async function move(from: string, to: string, flags: MoveFlags, output: Output): Promise<MoveReport> {
  const [{ MoveSource }, { openMoveTarget }, { moveStore }] = await Promise.all([
    import("../../server/migrate/source.ts"),
    import("../../server/migrate/open-target.ts"),
    import("../../server/migrate/move.ts"),
  ]);
  using source = MoveSource.open(from, flags["secret-key-file"]);
  const dryRun = flags["dry-run"];
  await using target = await openMoveTarget(to, { readOnly: dryRun });
  let last = { table: "", atMs: 0 };
  const onProgress = (table: string, done: number, rows: number) => {
    const isNews = table !== last.table || done === rows;
    if (!isNews && performance.now() - last.atMs < PROGRESS_EVERY_MS) return;
    last = { table, atMs: performance.now() };
    // A line that cannot be written must not end the move.
    void output.note(`${table}: ${done} of ${rows}`).catch(() => undefined);
  };
  // On its way to a bucket, a file is here for a moment; the old data directory stays as it is.
  const onTheWay = mkdtempSync(join(tmpdir(), "tanvrit-migrate-"));
  try {
    const files = await filesPlaces(flags, source.dataDir, onTheWay, target.gridFs);
    const { restart, "leave-damaged": leaveDamaged } = flags;
    return await moveStore(source, target.store, { dryRun, restart, files, leaveDamaged, onProgress });
  } finally {
    rmSync(onTheWay, { recursive: true, force: true });
  }
}

/** Where the content of files is, and where it goes. */
async function filesPlaces(flags: MoveFlags, dataDir: string, onTheWay: string, gridFs: () => BlobStore) {
  const { blobsAt } = await import("../../server/compose/open-blobs.ts");
  const placeOf = (place: string) => artifactsPlaceOf(place, flags.env, flags["artifacts-endpoint"]);
  return {
    from: blobsAt(placeOf(flags["from-artifacts"]), dataDir, {}),
    to: blobsAt(placeOf(flags.artifacts), onTheWay, { gridFs }),
  };
}

async function show(report: MoveReport, { json }: { json: boolean }, output: Output): Promise<void> {
  if (json) {
    await output.json(report);
    return;
  }
  if (report.finishedBeforeAtMs !== undefined) return;
  const rows = report.tables.map(({ table, rows, documents, checksum, same }) => [
    table,
    String(rows),
    documents === undefined ? "-" : String(documents),
    checksum?.slice(0, CHECKSUM_CHARS) ?? "-",
    same === undefined ? "-" : same ? "same" : "DIFFERENT",
  ]);
  const { files } = report;
  if (files) {
    const compared = files.same === undefined ? "-" : files.same ? "same" : "DIFFERENT";
    rows.push(["files", String(files.packs), "-", "-", compared]);
  }
  const headings = ["TABLE", "ROWS", "DOCUMENTS", "CHECKSUM", "COMPARED"];
  await output.painted(formatTable(headings, rows, output.resultLook));
}

async function conclude(report: MoveReport, dryRun: boolean, to: string, output: Output): Promise<number> {
  const { finishedBeforeAtMs, keyFile, tables, files } = report;
  if (keyFile !== undefined) {
    await output.note(
      `Secrets of jobs stay encrypted with ${keyFile}: start every server with a copy of that file as --secret-key-file.`,
    );
  }
  if (finishedBeforeAtMs !== undefined) {
    const at = new Date(finishedBeforeAtMs).toISOString();
    await output.note(`Everything was moved to ${to} at ${at}; nothing is left to do.`);
    return exitCodes.ok;
  }
  if (dryRun) return exitCodes.ok;
  const different = tables.filter((table) => !table.same).map((table) => table.table);
  if (files && !files.same) different.push("files");
  if (different.length > 0) {
    throw new CliError("bad_data", `source and target differ in ${different.join(", ")}`, {
      todo: "The source may have changed between two runs; start over with --restart",
    });
  }
  if (files && files.damaged.length > 0) {
    await output.note(
      `${counted(files.damaged.length, "pack")} of files were missing or damaged, and were not moved.`,
    );
  }
  const artifacts = files?.place.startsWith("s3:") ? ` and --artifacts ${files.place}` : "";
  await output.note(
    `Moved to ${to}. Start servers with this --store${artifacts}, and no longer on the old directory.`,
  );
  return exitCodes.ok;
}

/** The path that `--from` names. A shell does not expand a ~ after a colon. */
function sourceOf(from: string | undefined): string {
  if (from !== undefined)
    return from.slice(SOURCE_SCHEME.length).replace(/^~(?=[/\\])/, () => accountHome(process.env) ?? "~");
  throw new CliError("usage", "--from is missing", { todo: "See tanvrit-compute server migrate --help" });
}

function targetOf(to: string | undefined): string {
  if (to !== undefined) return to;
  throw new CliError("usage", "--to is missing", { todo: "See tanvrit-compute server migrate --help" });
}

/** Explains what usually stops a move, and what to do. */
function explain(cause: unknown, from: string, to: string): unknown {
  const { code = "", name, message } = cause as NodeJS.ErrnoException;
  if (name === "NoSourceError") {
    const todo = "Name the data directory of a server, by default ~/.tanvrit/server";
    return new CliError("not_found", message, { cause, todo });
  }
  if (name === "StoreInUseError") {
    const todo = "Stop that server first: otherwise, what it accepts in the meantime would be missing";
    return new CliError("unreachable", message, { cause, todo });
  }
  if (name === "TargetInUseError") {
    const todo = "Name an empty database";
    return new CliError("bad_data", `cannot move to ${maskedUrl(to)}: ${message}`, { cause, todo });
  }
  if (name === "DamagedFilesError") {
    const todo =
      "If the old server had another --artifacts, give it as --from-artifacts; otherwise server check names the artifacts, and --leave-damaged moves the rest";
    return new CliError("bad_data", message, { cause, todo });
  }
  if (name === "FilesPlaceError") {
    const todo = "Then run the same command again: it continues where it stopped";
    return new CliError("unreachable", message.replace(/\.$/, ""), { cause, todo });
  }
  if (name === "UnknownPartsError" || name === "NewerStoreError") {
    return new CliError("bad_data", message, { cause, todo: "Use the version of the server that wrote it" });
  }
  if (name === "SealError" || name === "KeyFileError") {
    const todo = "Name the key file of that server with --secret-key-file";
    return new CliError("bad_configuration", message, { cause, todo });
  }
  if (name === "BadStoreUrlError") return badStoreUrl(`--to ${maskedUrl(to)}`, cause);
  if (code === "storage_failed") {
    const todo =
      "Check that MongoDB is running and that --to names it, then run the same command again: it continues where it stopped";
    return new CliError("unreachable", `cannot use ${maskedUrl(to)}: ${message}`, { cause, todo });
  }
  if (name !== "SQLiteError") return cause;
  return new CliError("bad_data", `cannot read ${from}: ${message}`, { cause });
}

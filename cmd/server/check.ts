import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CheckReport } from "../../server/integrity/check.ts";
import { maskedUrl } from "../../server/masked-url.ts";
import { type ServerSettings, serverOptions, serverSettings } from "../../server/options.ts";
import { defineOptions, resolveOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command.ts";
import { jsonOption } from "../common-options.ts";
import { exitCodes } from "../exit-codes.ts";
import { CliError } from "../failure.ts";
import { badStoreUrl } from "./bad-store-url.ts";

const { "data-dir": dataDirOption, store } = serverOptions;
const options = defineOptions({
  "data-dir": { ...dataDirOption, help: "Where the stopped server keeps its data", fileKey: undefined },
  store: {
    ...store,
    help: "sqlite, in the data directory; or the mongodb:// URL, also while servers run on it",
    fileKey: undefined,
  },
  ...jsonOption,
});

export const command = defineCommand({
  options,
  examples: [
    { line: "server check --data-dir ./data", does: "After a crash, or before a backup is trusted" },
    {
      line: "server check --store mongodb://db/compute --json",
      does: "The store of several servers, for a script",
    },
  ],
  details:
    "Reads all of it and changes nothing; 0 where every rule holds, 1 where one is broken.\nAn embedded store is open to " +
    "one program at a time, so stop its server first.",
  async run({ options, env, output }) {
    const settings = serverSettings(
      { ...defaults, "data-dir": options["data-dir"], store: options.store },
      env,
    );
    const report = await check(settings);
    await (options.json ? output.json(report) : output.result(formatReport(report)));
    return report.holds ? exitCodes.ok : exitCodes.failed;
  },
});

/** What a check has no use for. */
const defaults = resolveOptions(serverOptions, { flags: {}, env: {} });

async function check(settings: ServerSettings): Promise<CheckReport> {
  const { store, dataDir } = settings;
  if (store === "sqlite" && !existsSync(join(dataDir, "compute.db"))) {
    const todo = "Name the data directory of a server with --data-dir";
    throw new CliError("not_found", `there is no store in ${dataDir}`, { todo });
  }
  const [{ openStores }, { checkStore }] = await Promise.all([
    import("../../server/store/open-stores.ts"),
    import("../../server/integrity/check.ts"),
  ]);
  const place = store === "sqlite" ? dataDir : maskedUrl(store);
  const stores = await openStores(settings).catch((cause) => {
    throw explain(cause, place);
  });
  try {
    return await checkStore(stores);
  } finally {
    await stores.close();
  }
}

function formatReport({ counts, rules, holds }: CheckReport): string {
  const { jobs, executions, accounts, ledgerEntries } = counts;
  const lines = [
    `${jobs} jobs, ${executions} executions, ${accounts} accounts, ${ledgerEntries} ledger entries`,
  ];
  for (const { rule, holds, faults } of rules) {
    lines.push(`${holds ? "holds " : "BROKEN"}  ${rule}`);
    for (const { id, detail } of faults) lines.push(`        ${id}: ${detail}`);
  }
  lines.push(holds ? "Every rule holds." : "The store is not whole.");
  return lines.join("\n");
}

function explain(cause: unknown, place: string): unknown {
  const { name, message, code } = cause as { name?: string; message: string; code?: string };
  if (name === "StoreInUseError") {
    return new CliError("unreachable", message, { cause, todo: "Stop that server first" });
  }
  if (name === "BadStoreUrlError") return badStoreUrl(`the store ${place}`, cause);
  if (code === "storage_failed") {
    const todo = "See that MongoDB runs and that --store names it, with the right account";
    return new CliError("unreachable", `cannot use the store ${place}: ${message}`, { cause, todo });
  }
  if (name !== "SQLiteError") return cause;
  return new CliError("bad_data", `cannot read the store in ${place}: ${message}`, { cause });
}

import type { BlobStore } from "../../server/blob/blob-store.ts";
import { artifactsOptions } from "../../server/compose/artifacts-place.ts";
import type { ServerSettings } from "../../server/compose/options.ts";
import type { Stores } from "../../server/compose/stores.ts";
import type { CheckReport } from "../../server/integrity/check.ts";
import { defineOptions, flagOption } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import {
  explainFiles,
  explainStore,
  keyFileOption,
  openStoreOf,
  storeOptions,
  storeSettings,
} from "./store-owner.ts";

const options = defineOptions({
  "data-dir": { ...storeOptions["data-dir"], help: "Where the stopped server keeps its data" },
  store: {
    ...storeOptions.store,
    help: "sqlite, in the data directory; or the mongodb:// URL, even while servers run on it",
  },
  artifacts: {
    ...artifactsOptions.artifacts,
    fileKey: undefined,
    help: "The --artifacts of the server: dir, gridfs or s3://BUCKET/PREFIX",
  },
  "artifacts-endpoint": { ...artifactsOptions["artifacts-endpoint"], fileKey: undefined },
  ...keyFileOption,
  deep: flagOption("Read all content of files and compare it with its digests"),
  "forget-lost": flagOption(
    "Forget lost content of files; who sends the same files again then sends it again",
  ),
  ...jsonOption,
});

export const command = defineCommand({
  options,
  examples: [
    {
      line: "server check --deep",
      does: "Also read every file, to find what a bad disk has changed",
    },
    { line: "server check --data-dir ./data", does: "After a crash, or before you trust a backup" },
    {
      line: "server check --store mongodb://db/compute --json",
      does: "The store of several servers, for a script",
    },
  ],
  details:
    "Reads the whole store and changes nothing, unless you let it forget what is lost. Exits with 0 if every rule holds, with 1 if one is broken.\nOnly one " +
    "program at a time can open an embedded store, so stop its server first.",
  async run({ options, env, output }) {
    const { deep, "forget-lost": forgetLost, artifacts } = options;
    const settings = storeSettings(options, env);
    // Where there is nothing at all, the server probably keeps its files elsewhere.
    if (forgetLost && artifacts === undefined && (await hasNoFiles(settings))) {
      throw new CliError("bad_configuration", "there are no files where the server keeps them by default", {
        todo: "Name their place with the --artifacts of the server, so that nothing is forgotten by mistake",
      });
    }
    const report = await check(settings, { deep, forgetLost });
    await (options.json ? output.json(report) : output.result(formatReport(report)));
    if (report.forgotten) await output.note(`${counted(report.forgotten, "blob")} forgotten. ${SEND_AGAIN}`);
    return report.holds ? exitCodes.ok : exitCodes.failed;
  },
});

const SEND_AGAIN = "Send the files of these artifacts again: the artifacts are then whole.";

function hasNoFiles(settings: ServerSettings): Promise<boolean> {
  return onStores(settings, async (_, blobs) => (await blobs.list(undefined, 1)).length === 0);
}

async function check(
  settings: ServerSettings,
  options: { deep: boolean; forgetLost: boolean },
): Promise<CheckReport> {
  const [{ checkStore }, { sealToRead }, { AUDIT_KEY }] = await Promise.all([
    import("../../server/integrity/check.ts"),
    import("../../server/auth/seal-keys.ts"),
    import("../../server/audit/audit-log.ts"),
  ]);
  return onStores(settings, (stores, blobs) => {
    // The command makes no key file, as a server would.
    const seal = sealToRead(settings);
    const mayHaveKey = seal.keys().length > 0 || settings.store !== "sqlite";
    const auditKey = async () =>
      mayHaveKey ? await stores.sessions.secret(AUDIT_KEY).catch(() => undefined) : undefined;
    return checkStore({ ...stores, seal, auditKey }, blobs, options);
  });
}

async function onStores<T>(
  settings: ServerSettings,
  body: (stores: Stores, blobs: BlobStore) => Promise<T>,
): Promise<T> {
  const stores = await openStoreOf(settings);
  try {
    const { blobsAt } = await import("../../server/compose/open-blobs.ts");
    return await body(stores, blobsAt(settings.artifacts, settings.dataDir, stores));
  } catch (cause) {
    throw explainStore(explainFiles(cause), settings);
  } finally {
    await stores.close();
  }
}

function formatReport({ counts, rules, holds }: CheckReport): string {
  const { jobs, executions, accounts, artifacts, ledgerEntries, secrets, auditEntries } = counts;
  const lines = [
    [
      counted(jobs, "job"),
      counted(executions, "execution"),
      counted(accounts, "account"),
      counted(artifacts, "artifact"),
      `${ledgerEntries} ledger ${ledgerEntries === 1 ? "entry" : "entries"}`,
      counted(secrets, "secret"),
      `${auditEntries} audit ${auditEntries === 1 ? "entry" : "entries"}`,
    ].join(", "),
  ];
  for (const { rule, holds, faults, notChecked } of rules) {
    if (notChecked !== undefined) lines.push(`not checked  ${rule}: ${notChecked}`);
    else lines.push(`${holds ? "holds " : "BROKEN"}  ${rule}`);
    for (const { id, detail } of faults) lines.push(`        ${id}: ${detail}`);
  }
  const isWhole = rules.every(({ notChecked }) => notChecked === undefined);
  lines.push(
    holds ? `Every rule ${isWhole ? "" : "that was checked "}holds.` : "The store is not consistent.",
  );
  return lines.join("\n");
}

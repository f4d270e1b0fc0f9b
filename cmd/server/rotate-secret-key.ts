import { realpathSync, statSync } from "node:fs";
import { tryLock } from "../../agent/state/lock.ts";
import type { KeyFile } from "../../server/auth/key-file.ts";
import type { ServerSettings } from "../../server/compose/options.ts";
import { writeFileAtomic } from "../../shared/atomic-file.ts";
import { defineOptions } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import { type ResealAnswer, resealAnswer } from "../../shared/sockets/maintenance.ts";
import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import { explainStore, keyFileOption, maintain, storeOptions, storeSettings } from "./store-owner.ts";

export const command = defineCommand({
  options: defineOptions({ ...storeOptions, ...keyFileOption, ...jsonOption }),
  examples: [
    { line: "server rotate-secret-key", does: "Replace the key of the embedded store, running or stopped" },
    {
      line: "server rotate-secret-key --store mongodb://db/compute --secret-key-file /etc/tanvrit/secret.key",
      does: "Take the next of three steps; after each, copy the file to every server",
    },
  ],
  details: `The key encrypts the data keys of secrets and the keys that sign tokens. Everybody stays signed in, and no job
notices. An embedded store gets its new key at once. Servers on MongoDB read the file at different times, so there
it takes three steps, each by one call: the new key opens; the new key seals, and everything is encrypted with it; the
old key is gone. The command may be killed at any point; call it again, and it continues.`,
  async run({ options, env, output }) {
    const settings = storeSettings(options, env);
    const { keyFileOf } = await import("../../server/auth/seal-keys.ts");
    const path = keyFileOf(settings) ?? withoutKeyFile();
    const rotation = new Rotation(path, settings);
    await rotation.read();
    refuseOthersFile(path);
    // Through a link to the file itself: a rename would replace the link, and leave the old key where it is.
    const lock = tryLock(`${realpathSync(path)}.lock`);
    if (!("release" in lock)) {
      throw new CliError("try_again", `another command is rotating the key in ${path}`, {
        todo: "Wait until it has ended",
      });
    }
    try {
      const report = await (settings.store === "sqlite" ? rotation.whole() : rotation.nextStep());
      await show(report, settings, options, output);
    } catch (cause) {
      throw explainStore(cause, settings);
    } finally {
      lock.release();
    }
    return exitCodes.ok;
  },
});

/** What a call did. `step`: of the three, the one that it finished. */
interface Report extends Pick<ResealAnswer, "dataKeys" | "unopened"> {
  keyFile: string;
  step: 1 | 2 | 3;
  done: boolean;
}

/**
 * Replaces a key. The file always has every key with which something in the store may be encrypted, so it may end
 * anywhere: the old key is removed only after everything was encrypted with the new one.
 */
class Rotation {
  constructor(
    private readonly path: string,
    private readonly settings: ServerSettings,
  ) {}

  /** All steps, for the only server of a store. */
  async whole(): Promise<Report> {
    for (;;) {
      const report = await this.nextStep();
      if (report.done) return report;
    }
  }

  async nextStep(): Promise<Report> {
    const { withNewKey } = await keyFiles();
    const found = await this.read();
    // Proves that this is the servers' file. In step 3, something may also have been encrypted with the old key meanwhile.
    await this.reseal(found);
    const { newest, older } = found;
    if (!older) return this.write(1, withNewKey(found));
    return older.seals
      ? this.write(2, { newest, older: { ...older, seals: false } })
      : this.write(3, { newest });
  }

  /** The file is written first: what is encrypted with a key that no file has would be lost. */
  private async write(step: Report["step"], file: KeyFile): Promise<Report> {
    const { keyFileText } = await keyFiles();
    writeFileAtomic(realpathSync(this.path), keyFileText(file));
    const { dataKeys, unopened } = await this.reseal(file);
    return { keyFile: this.path, step, done: step === 3, dataKeys, unopened };
  }

  private async reseal(file: KeyFile): Promise<ResealAnswer> {
    const answer = await maintain(this.settings, { maintain: "reseal" }, resealAnswer);
    const { sealingKeyOf, fingerprintOf } = await keyFiles();
    if (answer.fingerprint === fingerprintOf(sealingKeyOf(file))) return answer;
    throw new CliError("bad_configuration", `the server does not use the key in ${this.path}`, {
      todo: `Name its file with --secret-key-file; it uses ${answer.keyFile ?? "none"}`,
    });
  }

  async read(): Promise<KeyFile> {
    const { readKeyFile } = await keyFiles();
    const file = readKeyFile(this.path);
    if (file) return file;
    throw new CliError("not_found", `there is no key file ${this.path}`, {
      todo: "Name the server's key file with --secret-key-file, or its data directory with --data-dir",
    });
  }
}

/** The new file belongs to this account, and the server must be able to read it. */
function refuseOthersFile(path: string): void {
  if (statSync(path).uid === process.getuid?.()) return;
  throw new CliError("bad_configuration", `${path} belongs to another account`, {
    todo: "Run this as the account that runs the server",
  });
}

function keyFiles() {
  return import("../../server/auth/key-file.ts");
}

const NEXT: Record<Report["step"], string> = {
  1: "Step 1 of 3: the new key is in the file, and opens. Copy the file to every server, then run this again.",
  2: "Step 2 of 3: the new key seals. Copy the file to every server, then run this again.",
  3: "Step 3 of 3: the old key is gone. Copy the file to every server; keep a copy of the old file until server check holds.",
};

async function show(
  report: Report,
  { store }: ServerSettings,
  { json }: { json: boolean },
  output: Output,
): Promise<void> {
  const { dataKeys, unopened, step, keyFile } = report;
  if (json) await output.json(report);
  else if (store !== "sqlite") await output.note(NEXT[step]);
  else {
    const count = counted(dataKeys - unopened, "data key");
    await output.note(
      `The key in ${keyFile} is new. It encrypts the keys that sign tokens and ${count} of secrets.`,
    );
  }
  if (unopened > 0) {
    await output.note(
      `tanvrit-compute: neither key opens the secrets of some businesses (${unopened}); they are as they were`,
    );
  }
}

function withoutKeyFile(): never {
  throw new CliError("usage", "--secret-key-file is missing: a store in MongoDB has no key file of its own", {
    todo: "Name the file that the servers were started with",
  });
}

import { defineOptions, optionText } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import { limits } from "../../shared/limits.ts";
import { MAX_SECRET_BYTES, MAX_SECRET_TTL_SECONDS } from "../../shared/secret.ts";
import { defineCommand } from "../command/command.ts";
import { lifetimeSeconds } from "../command/common-options.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { CliError } from "../exit/failure.ts";
import { readHiddenLine } from "../input/hidden-line.ts";
import { isTerminal } from "../input/is-terminal.ts";
import { fileName, readBytes } from "../input/read-file.ts";
import type { Output } from "../output/output.ts";
import { checkSecretName, NOT_ON_THE_LINE } from "./secret-names.ts";

const STDIN = 0;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

const options = defineOptions({
  "from-file": {
    kind: "value",
    placeholder: "FILE",
    schema: () => optionText.min(1),
    help: "Take the value from a file, byte for byte; - is stdin",
  },
  ttl: {
    kind: "value",
    placeholder: "TIME",
    schema: () => optionText.pipe(lifetimeSeconds(MAX_SECRET_TTL_SECONDS, "a year")),
    defaultText: "it stays",
    help: "Remove the secret after this long, like 12h or 7d, at most a year",
  },
  ...clientOptions,
});

export const command = defineCommand({
  options,
  positionals: [{ name: "NAME", help: "what jobs call it: letters, digits and . _ -" }],
  surplus: NOT_ON_THE_LINE,
  examples: [
    { line: "secret set deploy-token", does: "Ask for the value, without showing it" },
    { line: "secret set netrc --from-file ~/.netrc", does: "Set it to the content of a file" },
    { line: "secret set deploy-token --ttl 12h", does: "Let the server remove it after half a day" },
    { line: "secret set deploy-token --json", does: "Set it from a pipe, in a script" },
  ],
  details: `The value is 1 byte to 64 KiB of any bytes. From a terminal it is one line. From a pipe, one newline at its end
is left out, because echo and most tools add one; --from-file keeps every byte. Jobs use the value that is set when
they start. Nobody can read it back, so keep it elsewhere if you need it again.`,
  async run({ options, positionals, env, output }) {
    const name = checkSecretName(positionals[0]);
    const { secrets } = await connect(env, options);
    const value = await readValue(name, options["from-file"], output);
    const bytes = value.byteLength;
    try {
      const secret = await secrets.set(name, value, { ...patience(output), ttlSeconds: options.ttl });
      if (options.json) await output.json(secret);
      else {
        const until = secret.expiresAt === undefined ? "" : ` It is removed at ${secret.expiresAt}.`;
        await output.note(
          `Secret ${name} is set: version ${secret.version}, ${counted(bytes, "byte")}.${until}`,
        );
      }
      return 0;
    } finally {
      value.fill(0);
    }
  },
});

async function readValue(name: string, file: string | undefined, output: Output): Promise<Uint8Array> {
  if (file !== undefined) return checked(await readBytes(file, MAX_SECRET_BYTES), fileName(file));
  if (!isTerminal(STDIN))
    return checked(withoutNewline(await readBytes("-", limits.maxBodyBytes)), "<stdin>");
  const ask = () => output.writeError(`Value of ${name} (not shown): `);
  return checked(await readHiddenLine(ask, () => output.writeError("\n")), "the value");
}

function checked(value: Uint8Array, what: string): Uint8Array {
  if (value.byteLength === 0) {
    throw new CliError("bad_data", `${what} is empty; a secret has at least one byte`, {
      todo: "Use secret delete to remove a secret",
    });
  }
  if (value.byteLength <= MAX_SECRET_BYTES) return value;
  throw new CliError("bad_data", `${what} is larger than ${MAX_SECRET_BYTES} bytes`);
}

/** Without one newline at the end. */
function withoutNewline(value: Uint8Array): Uint8Array {
  if (value.at(-1) !== NEWLINE) return value;
  return value.subarray(0, value.at(-2) === RETURN ? -2 : -1);
}

import { OtherServerError } from "../../sdk/errors.ts";
import { seeCertificate } from "../../sdk/machine/see-certificate.ts";
import { ServerProof } from "../../sdk/machine/server-proof.ts";
import type { ServerPin } from "../../shared/server-pin.ts";
import { CliError } from "../exit/failure.ts";
import { isTerminal } from "../input/is-terminal.ts";
import { readShownLine } from "../input/shown-line.ts";
import type { Output } from "../output/output.ts";
import type { GivenTrust } from "../workspace/server-trust.ts";
import type { ChosenWorkspace } from "../workspace/workspaces.ts";

const STDIN = 0;
const STDERR = 2;

/**
 * Makes sure that the workspace's server is the right one, before a sign-in sends it anything: an authority signed its
 * certificate, the certificate has the key that is known or was given, or a person compares its fingerprint now. Returns
 * the workspace with the proof that its requests need. Throws OtherServerError if the key is another one, CliError
 * `not_signed_in` if nobody can compare it, and UnreachableError.
 */
export async function meetServer(
  output: Output,
  workspace: ChosenWorkspace,
  { fingerprint }: GivenTrust,
): Promise<ChosenWorkspace> {
  const { name, url, known, proof } = workspace;
  if (!url.startsWith("https:")) return workspace;
  if (fingerprint === undefined) {
    const { pin, isSigned } = await seeCertificate(url);
    if (isSigned) return { ...workspace, proof: undefined };
    if (!proof?.isPinned) {
      await confirm(output, url, pin, `tanvrit-compute auth login --workspace ${name} --url ${url}`);
      const todo = `Sign in again with tanvrit-compute auth login --workspace ${name}`;
      return { ...workspace, proof: new ServerProof({ url, key: known?.serverKey, pin, todo }) };
    }
  }
  try {
    await proof?.meet();
  } catch (error) {
    if (error instanceof OtherServerError) await output.note(CHANGED);
    throw error;
  }
  return workspace;
}

const CHANGED =
  "WARNING: the server's key has changed. Somebody on the way may pretend to be it, or it was set up again.";

async function confirm(output: Output, url: string, pin: ServerPin, login: string): Promise<void> {
  const { fingerprint } = pin;
  if (!isTerminal(STDIN) || !isTerminal(STDERR)) {
    throw new CliError(
      "not_signed_in",
      `no authority has signed the certificate of ${url}, and nobody is here to compare its fingerprint. Nothing was sent`,
      {
        todo: `The fingerprint is ${fingerprint}. If the server's machine shows the same (tanvrit-compute server fingerprint), run ${login} --fingerprint ${fingerprint}`,
      },
    );
  }
  await output.note(
    `The server at ${url} is not known here, and no authority has signed its certificate. The fingerprint of its key is\n\n    ${fingerprint}\n\nThe server printed it when it started; tanvrit-compute server fingerprint prints it on its machine.`,
  );
  await output.writeError("Is it the same? Type yes, or paste the fingerprint: ");
  const answer = await readShownLine();
  if (/^yes$/i.test(answer) || answer === fingerprint) return;
  const pasted = answer.startsWith("SHA256:") ? `the server's fingerprint is not ${answer}` : "not confirmed";
  throw new CliError("not_signed_in", `${pasted}; nothing was sent to ${url}`, {
    todo: "Find out what listens there before you sign in",
  });
}

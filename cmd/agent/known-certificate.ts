import { seeCertificate } from "../../sdk/machine/see-certificate.ts";
import type { ServerProof } from "../../sdk/machine/server-proof.ts";
import { CliError } from "../exit/failure.ts";

/**
 * Throws CliError `bad_configuration` if the server shows a certificate that no authority signed and that nobody has
 * vouched for: no retry would change that. A server that cannot be reached yet is waited for later.
 */
export async function requireKnownCertificate(url: string, proof: ServerProof | undefined): Promise<void> {
  if (!url.startsWith("https:") || proof?.isPinned) return;
  const seen = await seeCertificate(url).catch(() => undefined);
  if (!seen || seen.isSigned) return;
  const { fingerprint } = seen.pin;
  throw new CliError(
    "bad_configuration",
    `no authority has signed the certificate of ${url}, and its fingerprint is not known here. Nothing was sent`,
    {
      todo: `The fingerprint is ${fingerprint}. If the server's machine shows the same (tanvrit-compute server fingerprint), start the agent with --fingerprint ${fingerprint} (TANVRIT_FINGERPRINT)`,
    },
  );
}

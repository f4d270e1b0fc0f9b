import { codeOf } from "../shared/code-of.ts";

const EXPIRED = "CERT_HAS_EXPIRED";
const NOT_YET_VALID = "CERT_NOT_YET_VALID";
const OTHER_NAME = "ERR_TLS_CERT_ALTNAME_INVALID";
/** How BoringSSL's names for the failures of a certificate's check begin. */
const BEGINNINGS = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|PATH_LENGTH|HOSTNAME_MISMATCH)/;

/** Why a TLS connection was refused here because of the server's certificate; undefined: that was not the reason. */
export function certificateTrouble(error: unknown): string | undefined {
  const code = codeOf(error) ?? "";
  if (code === EXPIRED) return "its certificate has expired; or the clock of this machine is wrong";
  if (code === NOT_YET_VALID)
    return "its certificate is not valid yet; the clock of this machine may be wrong";
  if (code === OTHER_NAME) return "its certificate is for another name";
  if (!BEGINNINGS.test(code)) return undefined;
  return "no authority that this machine trusts has signed its certificate";
}

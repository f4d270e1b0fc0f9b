import type { ResealAnswer } from "../../shared/sockets/maintenance.ts";
import { fingerprintOf } from "../auth/key-file.ts";
import type { Seal } from "../auth/seal.ts";
import type { SessionStore } from "../auth/session-store.ts";
import { DataKeys } from "./data-keys.ts";
import type { SecretStore } from "./secret-store.ts";

export interface SealedStores {
  secrets: SecretStore;
  sessions: Pick<SessionStore, "resealSecrets">;
  seal: Seal;
}

/**
 * Reads the key file again, and encrypts with its sealing key everything that the store has encrypted with a master key:
 * the data keys of secrets and the keys that sign tokens. May be interrupted and repeated. Throws KeyFileError and SealError.
 */
export async function resealAll({ secrets, sessions, seal }: SealedStores): Promise<ResealAnswer> {
  const [sealing] = seal.reload();
  await sessions.resealSecrets();
  const counts = await new DataKeys(secrets, seal).rewrapAll();
  return { keyFile: seal.keyFile, fingerprint: sealing && fingerprintOf(sealing), ...counts };
}

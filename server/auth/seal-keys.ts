import { join } from "node:path";
import { makeFileOnce } from "../../shared/atomic-file.ts";
import { KeyFileError, keysIn, newKey } from "./key-file.ts";
import { Seal, type SealKeys } from "./seal.ts";

/** The key file of an embedded store, in its data directory. */
const SEAL_KEY_FILE = "secret.key";

export interface SealSettings {
  store: string;
  dataDir: string;
  secretKeyFile: string | undefined;
}

/** The file with the key that seals the secrets of a store; undefined if it has none. */
export function keyFileOf({ store, dataDir, secretKeyFile }: SealSettings): string | undefined {
  return secretKeyFile ?? (store === "sqlite" ? join(dataDir, SEAL_KEY_FILE) : undefined);
}

/** The seal for the secrets of a store: by the given key file, or for an embedded store by a key file of its own. */
export function sealOf(settings: SealSettings, warn: (message: string) => void): Seal {
  const { store, dataDir, secretKeyFile } = settings;
  const file = keyFileOf(settings);
  if (store !== "sqlite" || file === undefined) {
    return new Seal(() => (file === undefined ? { keys: [] } : mustHave(file)), file);
  }
  const own = join(dataDir, SEAL_KEY_FILE);
  return new Seal((isReload) => {
    if (secretKeyFile !== undefined) return namedAndOwn(secretKeyFile, own);
    return isReload ? mustHave(own) : madeKey(own, warn);
  }, file);
}

/** The seal for reading a store without serving it. It makes no key file if there is none. */
export function sealToRead(settings: SealSettings): Seal {
  const { store, dataDir, secretKeyFile } = settings;
  if (store !== "sqlite") return sealOf(settings, () => undefined);
  return new Seal(() => namedAndOwn(secretKeyFile, join(dataDir, SEAL_KEY_FILE)), keyFileOf(settings));
}

/** Opens secrets with the given key or the data directory's own key, and seals them with the given key from then on. */
function namedAndOwn(named: string | undefined, own: string): SealKeys {
  const ofOwn = keysIn(own) ?? { keys: [] };
  if (named === undefined) return ofOwn;
  const { keys, next } = mustHave(named);
  return { keys: [...keys, ...ofOwn.keys], next };
}

function madeKey(own: string, warn: (message: string) => void): SealKeys {
  const isNew = makeFileOnce(own, `${newKey()}\n`);
  let isWarned = false;
  const forget = () => {
    if (!isWarned)
      warn(`${own} was missing, so the server made new keys that sign tokens: everybody must sign in again`);
    isWarned = true;
  };
  return { ...mustHave(own), ...(isNew ? { forget } : {}) };
}

function mustHave(file: string): SealKeys {
  const keys = keysIn(file);
  if (!keys) throw new KeyFileError(`the key file ${file} does not exist`);
  return keys;
}

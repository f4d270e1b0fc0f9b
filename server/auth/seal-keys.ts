import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeFileOnce } from "../../shared/atomic-file.ts";
import { codeOf } from "../../shared/code-of.ts";
import { textOf } from "../../shared/text-of.ts";
import { Seal, type SealKeys } from "./seal.ts";

const MIN_KEY_CHARS = 32;

/** The key file of an embedded store, in its data directory. */
export const SEAL_KEY_FILE = "secret.key";

/** A key file cannot be used; the message says why. */
export class KeyFileError extends Error {
  override name = "KeyFileError";
}

interface SealSettings {
  store: string;
  dataDir: string;
  secretKeyFile: string | undefined;
}

/** The seal for the secrets of a store: by the given key file, or for an embedded store by a key file of its own. */
export function sealOf(settings: SealSettings, warn: (message: string) => void): Seal {
  const { store, dataDir, secretKeyFile } = settings;
  const own = join(dataDir, SEAL_KEY_FILE);
  if (store !== "sqlite") {
    return new Seal(() => ({ keys: secretKeyFile === undefined ? [] : [keyIn(secretKeyFile)] }));
  }
  return new Seal((isReload) => {
    if (secretKeyFile !== undefined) return namedKey(secretKeyFile, own);
    return isReload ? { keys: [keyIn(own)] } : madeKey(own, warn);
  });
}

/** The seal for reading an embedded store without serving it. It makes no key file if there is none. */
export function sealToRead(dataDir: string, secretKeyFile: string | undefined): Seal {
  const own = join(dataDir, SEAL_KEY_FILE);
  return new Seal(() => ({ keys: namedAndOwn(secretKeyFile, own) }));
}

/** Opens secrets with the given key or the data directory's own key, and seals them with the given key from then on. */
function namedKey(named: string, own: string): SealKeys {
  return { keys: namedAndOwn(named, own) };
}

function namedAndOwn(named: string | undefined, own: string): Uint8Array[] {
  const ownKey = readText(own);
  return [
    ...(named === undefined ? [] : [keyIn(named)]),
    ...(ownKey === undefined ? [] : [keyOf(own, ownKey)]),
  ];
}

function madeKey(own: string, warn: (message: string) => void): SealKeys {
  const isNew = makeFileOnce(own, `${randomBytes(32).toString("base64url")}\n`);
  let isWarned = false;
  const forget = () => {
    if (!isWarned)
      warn(`${own} was missing, so the server made new keys that sign tokens: everybody must sign in again`);
    isWarned = true;
  };
  return { keys: [keyIn(own)], ...(isNew ? { forget } : {}) };
}

function keyIn(file: string): Uint8Array {
  const text = readText(file);
  if (text === undefined) throw new KeyFileError(`the key file ${file} does not exist`);
  return keyOf(file, text);
}

/** A key is any text that nobody can guess, such as the output of `openssl rand -base64 32`. */
function keyOf(file: string, text: string): Uint8Array {
  if (text.length < MIN_KEY_CHARS) {
    throw new KeyFileError(`${file} has ${text.length} characters; a key needs at least ${MIN_KEY_CHARS}`);
  }
  return createHash("sha256").update(text).digest();
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw new KeyFileError(`cannot read ${file}: ${textOf(cause)}`, { cause });
  }
}

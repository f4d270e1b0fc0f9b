import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeFileOnce } from "../../shared/atomic-file.ts";
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

/** By what the secrets of a store are sealed: the key file that was named, and for an embedded store one of its own. */
export function sealOf(settings: SealSettings, warn: (message: string) => void): Seal {
  const { store, dataDir, secretKeyFile } = settings;
  const own = join(dataDir, SEAL_KEY_FILE);
  if (store !== "sqlite") {
    return new Seal(() => ({ keys: secretKeyFile === undefined ? [] : [keyIn(secretKeyFile)] }));
  }
  return new Seal(() => (secretKeyFile === undefined ? madeKey(own, warn) : namedKey(secretKeyFile, own)));
}

/** The seal of an embedded store that somebody reads without serving it: nothing is made where there is no key. */
export function sealToRead(dataDir: string, secretKeyFile: string | undefined): Seal {
  const own = join(dataDir, SEAL_KEY_FILE);
  return new Seal(() => ({ keys: namedAndOwn(secretKeyFile, own) }));
}

/** What was sealed by the data directory's own key before is opened by it, and sealed by the named one from then on. */
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
  let said = false;
  const forget = () => {
    if (!said)
      warn(`${own} was missing, so the keys that sign tokens were made anew: everybody signs in again`);
    said = true;
  };
  return { keys: [keyIn(own)], ...(isNew ? { forget } : {}) };
}

function keyIn(file: string): Uint8Array {
  const text = readText(file);
  if (text === undefined) throw new KeyFileError(`there is no ${file}`);
  return keyOf(file, text);
}

/** A key is any text that nobody guesses, as `openssl rand -base64 32` gives it. */
function keyOf(file: string, text: string): Uint8Array {
  if (text.length < MIN_KEY_CHARS) {
    throw new KeyFileError(`${file} holds ${text.length} characters, and a key has ${MIN_KEY_CHARS} or more`);
  }
  return createHash("sha256").update(text).digest();
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new KeyFileError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

import { createHmac, hkdfSync } from "node:crypto";
import { decrypt, encrypt, NONCE_BYTES, SEAL_BYTES } from "./aes.ts";
import { SECRET_BYTES } from "./session-store.ts";

const SEALED_BYTES = SECRET_BYTES + SEAL_BYTES;

/** A secret in the store cannot be read: no key was given, or the given key does not open it. */
export class SealError extends Error {
  override name = "SealError";
}

/** Keys of 32 bytes. The first key seals; every key opens. */
export interface SealKeys {
  keys: readonly Uint8Array[];
  /** While keys are rotated: the key that will seal next. What it has sealed is not sealed again with the first key. */
  next?: Uint8Array | undefined;
  /** Set if the first key was just made. Secrets that no key opens are then replaced, and this is called to say so. */
  forget?: () => void;
}

/**
 * Protects the secrets that sign people in from anyone who can read only the store: each secret is encrypted with a key
 * kept elsewhere. Without a key, secrets are stored unencrypted.
 */
export class Seal {
  private loaded: SealKeys | undefined;

  /**
   * @param load is called when the first secret is read: a store that is only checked needs no key. `isReload`: the key
   * file was read before, so it must exist.
   */
  constructor(
    private readonly load: (isReload: boolean) => SealKeys,
    /** The file that has the keys; for messages, and to tell servers with different files apart. */
    readonly keyFile?: string,
  ) {}

  static readonly none = new Seal(() => ({ keys: [] }));

  /** The bytes to store for a secret. The same secret and key always give the same bytes. */
  close(name: string, secret: Uint8Array): Uint8Array {
    const [key] = this.keys();
    return key ? closeWith(key, name, secret) : secret;
  }

  /** Whether these bytes are a secret as it should be stored. */
  isClosed(name: string, secret: Uint8Array, stored: Uint8Array): boolean {
    const lasting = this.lastingKeys();
    if (lasting.length === 0) return Buffer.compare(stored, secret) === 0;
    return lasting.some((key) => Buffer.compare(stored, closeWith(key, name, secret)) === 0);
  }

  /** The secret. If no key opens it, throws SealError, or returns undefined if a new secret may replace it. */
  open(name: string, stored: Uint8Array): Uint8Array | undefined {
    if (stored.length !== SEALED_BYTES) return stored;
    const keys = this.keys();
    for (const key of keys) {
      const opened = decrypt(cipherKey(key), stored, name);
      if (opened) return opened;
    }
    if (this.loaded?.forget) {
      this.loaded.forget();
      return undefined;
    }
    const why = keys.length === 0 ? "no key was given" : "the given key does not open them";
    throw new SealError(`the secrets in the store are sealed, and ${why}`);
  }

  /** The master keys: the first seals, every one opens. Empty if there is no key file. Throws KeyFileError. */
  keys(): readonly Uint8Array[] {
    this.loaded ??= this.load(false);
    return this.loaded.keys;
  }

  /** The keys whose seals stay as they are: the one that seals, and the one that will. */
  lastingKeys(): readonly Uint8Array[] {
    const [first] = this.keys();
    return [first, this.loaded?.next].filter((key) => key !== undefined);
  }

  /** Reads the key file again: its keys may have been rotated. Keeps the known keys if it cannot be read now. */
  reload(): readonly Uint8Array[] {
    try {
      this.loaded = { ...this.load(true), forget: this.loaded?.forget };
    } catch (error) {
      if (!this.loaded) throw error;
    }
    return this.keys();
  }
}

/** The secrets of one adapter. */
interface SecretRows {
  names(): Promise<string[]>;
  /** The bytes stored under this name. If there are none, stores `fresh` first. */
  findOrInsert(name: string, fresh: Uint8Array): Promise<Uint8Array>;
  /** Replaces `before` without leaving a trace of it. Does nothing if something else is stored by now. */
  replace(name: string, before: Uint8Array, after: Uint8Array): Promise<void>;
}

/** Seals every secret with the first key. Throws SealError. */
export async function resealSecrets(rows: SecretRows, seal: Seal): Promise<void> {
  for (const name of await rows.names()) await readSecret(rows, seal, name);
}

/** The secret of this name. Makes it if it is missing, and seals it if it is not sealed yet. Throws SealError. */
export async function readSecret(rows: SecretRows, seal: Seal, name: string): Promise<Uint8Array> {
  const fresh = seal.close(name, crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
  const stored = await rows.findOrInsert(name, fresh);
  const opened = seal.open(name, stored);
  if (opened && seal.isClosed(name, opened, stored)) return opened;
  const wanted = opened ? seal.close(name, opened) : fresh;
  await rows.replace(name, stored, wanted);
  const secret = seal.open(name, await rows.findOrInsert(name, fresh));
  if (!secret) throw new SealError(`another server changed the secret ${name} at the same time`);
  return secret;
}

function closeWith(key: Uint8Array, name: string, secret: Uint8Array): Uint8Array {
  const nonce = createHmac("sha256", key)
    .update(`${name}\0`)
    .update(secret)
    .digest()
    .subarray(0, NONCE_BYTES);
  return encrypt(cipherKey(key), secret, name, nonce);
}

/** Derived, so that encryption does not use the key that makes the nonce. */
function cipherKey(key: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, "", "tanvrit-compute seal", 32));
}

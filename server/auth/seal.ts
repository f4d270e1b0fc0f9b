import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { SECRET_BYTES } from "./session-store.ts";

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SEALED_BYTES = NONCE_BYTES + SECRET_BYTES + TAG_BYTES;

/** A secret of the store cannot be read: the key that it is sealed with is missing, or is another one. */
export class SealError extends Error {
  override name = "SealError";
}

/** Keys of 32 bytes: the first seals, all of them open. */
export interface SealKeys {
  keys: readonly Uint8Array[];
  /** The first key was made just now: what nobody can open any more is made anew, and this says so. */
  forget?: () => void;
}

/**
 * Keeps the secrets that sign people in unreadable to whoever reads the store alone: each is encrypted by a key that
 * stands elsewhere. Without a key they stand in the store as they are.
 */
export class Seal {
  private loaded: SealKeys | undefined;

  /** @param load is called when the first secret is asked for: a store that is only checked needs no key. */
  constructor(private readonly load: () => SealKeys) {}

  static readonly none = new Seal(() => ({ keys: [] }));

  /** What is to be stored for a secret. The same secret under the same key gives the same. */
  close(name: string, secret: Uint8Array): Uint8Array {
    const [key] = this.keys();
    if (!key) return secret;
    const nonce = createHmac("sha256", key)
      .update(`${name}\0`)
      .update(secret)
      .digest()
      .subarray(0, NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, cipherKey(key), nonce).setAAD(Buffer.from(name));
    return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  }

  /** The secret. Throws SealError where no key opens it, and returns undefined where it may be made anew. */
  open(name: string, stored: Uint8Array): Uint8Array | undefined {
    if (stored.length !== SEALED_BYTES) return stored;
    const keys = this.keys();
    for (const key of keys) {
      const opened = openWith(key, name, stored);
      if (opened) return opened;
    }
    if (this.loaded?.forget) {
      this.loaded.forget();
      return undefined;
    }
    const why = keys.length === 0 ? "no key was given" : "the key that was given is another one";
    throw new SealError(`the secrets in the store are sealed, and ${why}`);
  }

  private keys(): readonly Uint8Array[] {
    this.loaded ??= this.load();
    return this.loaded.keys;
  }
}

/** Where an adapter keeps secrets. */
interface SecretRows {
  /** What is stored under this name; `fresh` where nothing was. */
  findOrInsert(name: string, fresh: Uint8Array): Promise<Uint8Array>;
  /** Does nothing where something else than `before` is stored by now. What was there leaves no trace. */
  replace(name: string, before: Uint8Array, after: Uint8Array): Promise<void>;
}

/** The secret of this name, made where it is missing, and sealed where it is not yet. Throws SealError. */
export async function readSecret(rows: SecretRows, seal: Seal, name: string): Promise<Uint8Array> {
  const fresh = seal.close(name, crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
  const stored = await rows.findOrInsert(name, fresh);
  const opened = seal.open(name, stored);
  const wanted = opened ? seal.close(name, opened) : fresh;
  if (Buffer.compare(stored, wanted) === 0 && opened) return opened;
  await rows.replace(name, stored, wanted);
  const secret = seal.open(name, await rows.findOrInsert(name, fresh));
  if (!secret) throw new SealError(`the secret ${name} was changed by another server meanwhile`);
  return secret;
}

function openWith(key: Uint8Array, name: string, stored: Uint8Array): Uint8Array | undefined {
  const decipher = createDecipheriv(CIPHER, cipherKey(key), stored.subarray(0, NONCE_BYTES))
    .setAAD(Buffer.from(name))
    .setAuthTag(stored.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(stored.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined; // Sealed by another key.
  }
}

/** Another one than makes the nonce. */
function cipherKey(key: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, "", "tanvrit-compute seal", 32));
}

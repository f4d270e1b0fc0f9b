import { hkdfSync, randomBytes } from "node:crypto";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import { decrypt, encrypt } from "../auth/aes.ts";
import type { Seal } from "../auth/seal.ts";
import type { DataKey, SealedSecret, SecretStore } from "./secret-store.ts";

const KEY_BYTES = 32;
const KEYS_PER_READ = 100;

/** A data key that is ready for use. */
export interface OpenKey {
  keyId: string;
  key: Uint8Array;
}

/**
 * The keys that encrypt secrets, one for each business. They are stored encrypted with the server's master key, and are
 * opened only for as long as a request needs them.
 */
export class DataKeys {
  constructor(
    private readonly secrets: SecretStore,
    private readonly seal: Seal,
  ) {}

  /**
   * The key of the business, made if it has none, or one that is lost and needed only by the trash. Throws ComputeError
   * `conflict` if the server cannot open or make one.
   */
  async forSealing(businessId: string): Promise<OpenKey> {
    const stored = await this.secrets.dataKey(businessId);
    const opened = stored && this.openIfPossible(stored);
    if (opened) return opened;
    // The key file may have been rotated since it was read, and only its present first key is sure to last.
    const [master] = this.seal.reload();
    if (!master) throw withoutKeyFile();
    if (stored && !(await this.secrets.removeLostKey(stored))) {
      const kept = await this.secrets.dataKey(businessId);
      if (kept) return this.open(kept);
    }
    const wrapped = wrap(master, businessId, randomBytes(KEY_BYTES));
    return this.open(await this.secrets.makeDataKey({ businessId, keyId: newId("sec"), wrapped }));
  }

  /** The key of the business; undefined if it has none. Throws ComputeError `conflict` if the server cannot open it. */
  async forOpening(businessId: string): Promise<OpenKey | undefined> {
    const stored = await this.secrets.dataKey(businessId);
    return stored && this.open(stored);
  }

  /**
   * Wraps every data key with the master key that seals, unless the one that will seal next has already wrapped it. May be repeated, and run by many servers. Resolves with how many data
   * keys there are, and how many of them no master key opens.
   */
  async rewrapAll(): Promise<{ dataKeys: number; unopened: number }> {
    const lasting = this.seal.lastingKeys();
    const [first] = lasting;
    let [dataKeys, unopened] = [0, 0];
    for await (const stored of this.all()) {
      dataKeys += 1;
      if (lasting.some((one) => unwrap(one, stored))) continue;
      const key = this.tryAll(stored, this.seal.keys());
      if (first && key) await this.secrets.rewrap(stored, wrap(first, stored.businessId, key));
      else unopened += 1;
      key?.fill(0);
    }
    return { dataKeys, unopened };
  }

  /** Every stored data key, in the order of their businesses. */
  async *all(): AsyncGenerator<DataKey, void, void> {
    let last: string | undefined;
    for (;;) {
      const page = await this.secrets.dataKeys(last, KEYS_PER_READ);
      yield* page;
      last = page.at(-1)?.businessId;
      if (last === undefined) return;
    }
  }

  /** Throws ComputeError `conflict` if no master key opens it. */
  open(stored: DataKey): OpenKey {
    const opened = this.openIfPossible(stored);
    if (opened) return opened;
    if (this.seal.keys().length === 0) throw withoutKeyFile();
    throw new ComputeError(
      "conflict",
      "The server's key file does not open the secrets of this business. The person who runs the server must bring back " +
        "the key file that sealed them. If it is lost, delete all secrets of the business and set them again. Those in the " +
        "trash are then gone for good.",
    );
  }

  private openIfPossible(stored: DataKey): OpenKey | undefined {
    const key = this.tryAll(stored, this.seal.keys()) ?? this.tryAll(stored, this.seal.reload());
    return key && { keyId: stored.keyId, key };
  }

  private tryAll(stored: DataKey, masters: readonly Uint8Array[]): Uint8Array | undefined {
    for (const master of masters) {
      const key = unwrap(master, stored);
      if (key) return key;
    }
    return undefined;
  }
}

function withoutKeyFile(): ComputeError {
  return new ComputeError(
    "conflict",
    "This server has no key file to encrypt secrets with. Start every server with the same --secret-key-file " +
      "(or TANVRIT_SECRET_KEY_FILE); openssl rand -base64 32 makes the content of such a file.",
  );
}

/** The stored form of a value. It opens only under the same name in the same business. */
export function sealValue(
  { key }: OpenKey,
  place: Omit<SealedSecret, "sealed">,
  value: Uint8Array,
): Uint8Array {
  return encrypt(key, value, contextOf(place));
}

/** Throws ComputeError `conflict` if the value was changed in the store. */
export function openValue({ key }: OpenKey, secret: SealedSecret): Uint8Array {
  const value = decrypt(key, secret.sealed, contextOf(secret));
  if (value) return value;
  throw new ComputeError(
    "conflict",
    `Secret ${secret.name} cannot be decrypted: it was changed in the store. Set it again.`,
  );
}

function contextOf({ businessId, name }: Omit<SealedSecret, "sealed">): string {
  return `${businessId}\0${name}`;
}

function wrap(master: Uint8Array, businessId: string, key: Uint8Array): Uint8Array {
  return encrypt(wrappingKey(master), key, businessId);
}

function unwrap(master: Uint8Array, { businessId, wrapped }: DataKey): Uint8Array | undefined {
  return decrypt(wrappingKey(master), wrapped, businessId);
}

/** Derived, so that data keys and the keys that sign tokens are not sealed with the same key. */
function wrappingKey(master: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", master, "", "tanvrit-compute data keys", KEY_BYTES));
}

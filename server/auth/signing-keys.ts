import { type CryptoKey, calculateJwkThumbprint, importJWK, type JWK } from "jose";
import { ed25519Key } from "./ed25519.ts";
import type { SessionStore } from "./session-store.ts";

/** The only algorithm of our tokens. */
export const SIGNING_ALGORITHM = "EdDSA";
const DAY_MS = 24 * 3_600_000;
/** How long a key signs. It must be longer than any token lives, because only the previous key still verifies. */
const KEY_PERIOD_MS = 30 * DAY_MS;

export interface SigningKey {
  /** The thumbprint of the public key (RFC 7638). */
  kid: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  /** The public key, as others read it (RFC 8037). */
  jwk: JWK;
}

/**
 * The keys that sign tokens. Time is divided into periods, and each has a random key in the store, so all servers of a
 * store agree without talking to each other. Those of the previous and the next period verify too: tokens outlive a
 * period's end, and the clocks of servers differ.
 */
export class SigningKeys {
  private readonly made = new Map<number, Promise<SigningKey>>();

  constructor(
    private readonly sessions: Pick<SessionStore, "secret">,
    /** Epoch milliseconds. */
    private readonly now: () => number,
  ) {}

  /** The key that signs now. */
  current(): Promise<SigningKey> {
    return this.ofPeriod(this.period());
  }

  /** The key with this id, if it verifies now. */
  async find(kid: string): Promise<SigningKey | undefined> {
    return (await this.all()).find((key) => key.kid === kid);
  }

  /** Every key that verifies now, the one that signs first. */
  all(): Promise<SigningKey[]> {
    const period = this.period();
    for (const old of this.made.keys()) if (Math.abs(old - period) > 1) this.made.delete(old);
    return Promise.all([period, period - 1, period + 1].map((one) => this.ofPeriod(one)));
  }

  private period(): number {
    return Math.floor(this.now() / KEY_PERIOD_MS);
  }

  private ofPeriod(period: number): Promise<SigningKey> {
    const known = this.made.get(period);
    if (known) return known;
    const key = this.sessions.secret(`signing-key/${period}`).then(signingKeyOf);
    // The store may answer the next time.
    key.catch(() => this.made.delete(period));
    this.made.set(period, key);
    return key;
  }
}

async function signingKeyOf(seed: Uint8Array): Promise<SigningKey> {
  const { kty, crv, x, d } = ed25519Key(seed).export({ format: "jwk" });
  const pair = { kty: String(kty), crv, x };
  const kid = await calculateJwkThumbprint(pair);
  const [privateKey, publicKey] = await Promise.all([
    importJWK({ ...pair, d }, SIGNING_ALGORITHM),
    importJWK(pair, SIGNING_ALGORITHM),
  ]);
  if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array)
    throw new Error("An Ed25519 key was read as a secret");
  return { kid, privateKey, publicKey, jwk: { ...pair, kid, alg: SIGNING_ALGORITHM, use: "sig" } };
}

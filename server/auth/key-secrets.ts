import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { ComputeError } from "../../shared/errors.ts";
import { Gate } from "../../shared/gate.ts";
import { RecentMap } from "../runtime/recent-map.ts";

/** A secret is 160 random bits and a mark. Nobody can guess that, so bcrypt need not be slow. */
const BCRYPT = { algorithm: "bcrypt", cost: 5 } as const;
/** The random bytes of a secret, and those that mark it as one of ours; together 32 bytes. */
const RANDOM_BYTES = 20;
const MARK_BYTES = 12;
/** Entries in each of the caches below. */
const MAX_REMEMBERED = 20_000;
/** How many different wrong secrets may be tried against one key per minute, because each costs a bcrypt. */
const MAX_WRONG_PER_MINUTE = 5;
const MINUTE_MS = 60_000;
/** The most bcrypts that run or wait for a core. Each takes a few milliseconds. */
const MAX_CHECKS = 1_024;
const BUSY_RETRY_SECONDS = 5;
const BCRYPTS_AT_ONCE = 2;

/** A secret as it stands in a key: 43 characters of base64url. */
export const SECRET_PATTERN = "[\\w-]{43}";

export interface KeySecretsParts {
  /** Epoch milliseconds. */
  now: () => number;
  /** The same for all servers of a store. It tells secrets that these servers issued from guessed ones. */
  ownMark: Uint8Array;
  /** What the keys belong to, for people: `node`. */
  owner: string;
  /** Older releases issued secrets without a mark, so these are checked too. */
  hasOlder: boolean;
  /** bcrypt; tests replace it to count the calls. */
  bcryptVerify?: ((secret: string, storedHash: string) => Promise<boolean>) | undefined;
}

/**
 * Issues and verifies the secrets of keys. The store keeps only a bcrypt hash of each. bcrypt runs outside the event loop's
 * thread, so nodes that all return after a restart block nothing else.
 */
export class KeySecrets {
  /** The digest of the secret that passed bcrypt, by stored hash: after a rotation the old key finds nothing here. */
  private readonly verified = new RecentMap<Buffer>(MAX_REMEMBERED);
  /** Stored hash and digest of secrets that failed: an agent with an old key may ask again and again. */
  private readonly refused = new RecentMap<true>(MAX_REMEMBERED);
  private readonly checking = new Map<string, Promise<boolean>>();
  /** By owner: the bcrypts that failed or still run. */
  private readonly tries = new RecentMap<{ sinceMs: number; count: number }>(MAX_REMEMBERED);

  /** The threads of the runtime also read files and check passwords, which must not wait behind a thousand keys. */
  private readonly gate = new Gate(BCRYPTS_AT_ONCE);

  constructor(private readonly parts: KeySecretsParts) {}

  /** @param seed the same seed gives the same secret again, on every server of the store; absent: a random one. */
  async issue(ownerId: string, seed?: string): Promise<{ secret: string; hash: string }> {
    const random = seed === undefined ? randomBytes(RANDOM_BYTES) : this.grown(ownerId, seed);
    const secret = Buffer.concat([random, this.markOf(ownerId, random)]).toString("base64url");
    const hash = await Bun.password.hash(secret, BCRYPT);
    this.verified.set(hash, digestOf(secret));
    return { secret, hash };
  }

  /**
   * Whether the secret belongs to the stored hash. bcrypt runs once per key; after that a digest bound to the stored
   * hash answers. Guesses by others never lock out a key that this store issued. Throws `rate_limited` after too many
   * wrong keys for one owner, and `unavailable` while too many keys wait for their check.
   */
  async verify(ownerId: string, secret: string, storedHash: string): Promise<boolean> {
    const digest = digestOf(secret);
    const known = this.verified.get(storedHash);
    if (known && timingSafeEqual(known, digest)) return true;
    const work = `${storedHash} ${digest.toString("base64url")}`;
    if (this.refused.get(work)) return false;
    let check = this.checking.get(work);
    if (!check) {
      const isOwn = this.isOwn(ownerId, secret);
      if (!isOwn && !this.parts.hasOlder) return false;
      // Keys of older releases have no mark, so they are counted like guesses.
      if (!isOwn) this.countTry(ownerId);
      check = this.check(secret, storedHash, digest, work, isOwn ? undefined : ownerId).finally(() =>
        this.checking.delete(work),
      );
      this.checking.set(work, check);
    }
    return check;
  }

  private async check(
    secret: string,
    storedHash: string,
    digest: Buffer,
    work: string,
    countedFor: string | undefined,
  ) {
    const { bcryptVerify = verifyBcrypt } = this.parts;
    const isRight = await this.gate.pass(() => bcryptVerify(secret, storedHash));
    if (!isRight) {
      this.refused.set(work, true);
      return false;
    }
    this.verified.set(storedHash, digest);
    const tries = countedFor === undefined ? undefined : this.tries.get(countedFor);
    if (tries) tries.count -= 1;
    return true;
  }

  /** Whether a server of this store issued the secret, even for a key that was replaced since. Nobody can guess such a secret. */
  private isOwn(ownerId: string, secret: string): boolean {
    const bytes = Buffer.from(secret, "base64url");
    const mark = bytes.subarray(RANDOM_BYTES);
    return (
      mark.length === MARK_BYTES &&
      timingSafeEqual(mark, this.markOf(ownerId, bytes.subarray(0, RANDOM_BYTES)))
    );
  }

  private grown(ownerId: string, seed: string): Buffer {
    const mac = createHmac("sha256", this.parts.ownMark).update(`seed\0${ownerId}\0${seed}`).digest();
    return mac.subarray(0, RANDOM_BYTES);
  }

  private markOf(ownerId: string, random: Uint8Array): Buffer {
    const mac = createHmac("sha256", this.parts.ownMark).update(`${ownerId}\0`).update(random).digest();
    return mac.subarray(0, MARK_BYTES);
  }

  /** Counts the try before its bcrypt starts, so that many concurrent wrong keys do not all pass the limit. */
  private countTry(ownerId: string): void {
    const { now, owner } = this.parts;
    if (this.checking.size >= MAX_CHECKS) {
      const detail = `Too many ${owner}s are signing in at the same time. Try again in a few seconds.`;
      throw new ComputeError("unavailable", detail, { retryAfterSeconds: BUSY_RETRY_SECONDS });
    }
    let tries = this.tries.get(ownerId);
    // The clock may have been set back.
    if (!tries || Math.abs(now() - tries.sinceMs) >= MINUTE_MS) tries = { sinceMs: now(), count: 0 };
    if (tries.count >= MAX_WRONG_PER_MINUTE) {
      throw new ComputeError(
        "rate_limited",
        `Too many wrong keys were tried for this ${owner}. Wait a minute.`,
        {
          retryAfterSeconds: Math.ceil((tries.sinceMs + MINUTE_MS - now()) / 1_000),
        },
      );
    }
    tries.count += 1;
    this.tries.set(ownerId, tries);
  }
}

function verifyBcrypt(secret: string, storedHash: string): Promise<boolean> {
  return Bun.password.verify(secret, storedHash, "bcrypt");
}

function digestOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

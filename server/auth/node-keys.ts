import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { ComputeError } from "../../shared/errors.ts";
import { RecentMap } from "../runtime/recent-map.ts";

/** The secret is 160 random bits and a mark, which nobody guesses however fast a guess is: bcrypt need not be slow here. */
const BCRYPT = { algorithm: "bcrypt", cost: 5 } as const;
/** What of a secret is random, and what marks it as one of ours; together 32 bytes. */
const RANDOM_BYTES = 20;
const MARK_BYTES = 12;
/** Entries of each of the memories below. */
const MAX_REMEMBERED = 20_000;
/** Different wrong keys that may be tried against one node within a minute, since each costs a bcrypt. */
const MAX_WRONG_KEYS_PER_MINUTE = 5;
const MINUTE_MS = 60_000;
/** bcrypts under way or waiting for a core. They take a few milliseconds each. */
const MAX_CHECKS = 1_024;
const BUSY_RETRY_SECONDS = 5;

/**
 * A node key: `tnvn_<digits of the node id>_<secret>`. The store keeps a bcrypt hash of the secret only. bcrypt runs on
 * a thread beside the event loop, so that the nodes that all come back after a restart do not stop everything else.
 */
export class NodeKeys {
  /** By stored hash, so that a rotated key can find nothing here. The digest is of the secret that passed bcrypt. */
  private readonly verified = new RecentMap<Buffer>(MAX_REMEMBERED);
  /** Stored hash and digest of what did not pass: an agent with an old key may ask again and again. */
  private readonly refused = new RecentMap<true>(MAX_REMEMBERED);
  private readonly checking = new Map<string, Promise<boolean>>();
  /** By node id: bcrypts that failed or are not done yet. */
  private readonly tries = new RecentMap<{ sinceMs: number; count: number }>(MAX_REMEMBERED);

  constructor(
    private readonly now: () => number,
    /** bcrypt, which tests count. */
    private readonly bcryptVerify = (secret: string, storedHash: string) =>
      Bun.password.verify(secret, storedHash, "bcrypt"),
    /** The same for all servers of a store: by it a key that one of them has issued is told from a guessed one. */
    private readonly ownMark: Uint8Array = randomBytes(32),
  ) {}

  async issue(nodeId: string): Promise<{ key: string; hash: string }> {
    const random = randomBytes(RANDOM_BYTES);
    const secret = Buffer.concat([random, this.markOf(nodeId, random)]).toString("base64url");
    const hash = await Bun.password.hash(secret, BCRYPT);
    this.verified.set(hash, digestOf(secret));
    return { key: `tnvn_${nodeId.slice("node_".length)}_${secret}`, hash };
  }

  /** The node a key claims to be of, and its secret; undefined for what is no node key. */
  static parse(key: string): { nodeId: string; secret: string } | undefined {
    const match = /^tnvn_([0-9a-z]{26})_([\w-]{43})$/.exec(key);
    return match?.[1] && match[2] ? { nodeId: `node_${match[1]}`, secret: match[2] } : undefined;
  }

  /**
   * Whether the secret belongs to the stored hash. bcrypt runs once per key; after that a digest bound to the stored
   * hash answers. A key that was issued by this store is never refused for the guesses of others. Throws `rate_limited`
   * after too many wrong keys for one node, `unavailable` when too many keys
   * wait for their check.
   */
  async verify(nodeId: string, secret: string, storedHash: string): Promise<boolean> {
    const digest = digestOf(secret);
    const known = this.verified.get(storedHash);
    if (known && timingSafeEqual(known, digest)) return true;
    const work = `${storedHash} ${digest.toString("base64url")}`;
    if (this.refused.get(work)) return false;
    let check = this.checking.get(work);
    if (!check) {
      // Keys of older releases have no mark: those are counted, and so is what somebody guesses.
      const counted = !this.isOwn(nodeId, secret);
      if (counted) this.countTry(nodeId);
      check = this.check(secret, storedHash, digest, work, counted ? nodeId : undefined).finally(() =>
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
    const isRight = await this.bcryptVerify(secret, storedHash);
    if (!isRight) {
      this.refused.set(work, true);
      return false;
    }
    this.verified.set(storedHash, digest);
    const tries = countedFor === undefined ? undefined : this.tries.get(countedFor);
    if (tries) tries.count -= 1;
    return true;
  }

  /** Whether a server of this store has issued the secret, if for a key that was replaced since: nobody can guess one. */
  private isOwn(nodeId: string, secret: string): boolean {
    const bytes = Buffer.from(secret, "base64url");
    const mark = bytes.subarray(RANDOM_BYTES);
    return (
      mark.length === MARK_BYTES &&
      timingSafeEqual(mark, this.markOf(nodeId, bytes.subarray(0, RANDOM_BYTES)))
    );
  }

  private markOf(nodeId: string, random: Uint8Array): Buffer {
    const mac = createHmac("sha256", this.ownMark).update(`${nodeId}\0`).update(random).digest();
    return mac.subarray(0, MARK_BYTES);
  }

  /** Counted when the work begins, so that many wrong keys at once are not let through together. */
  private countTry(nodeId: string): void {
    if (this.checking.size >= MAX_CHECKS) {
      throw new ComputeError(
        "unavailable",
        "Many nodes are signing in at once. Try again in a few seconds.",
        {
          retryAfterSeconds: BUSY_RETRY_SECONDS,
        },
      );
    }
    let tries = this.tries.get(nodeId);
    // The clock may have been set back.
    if (!tries || Math.abs(this.now() - tries.sinceMs) >= MINUTE_MS)
      tries = { sinceMs: this.now(), count: 0 };
    if (tries.count >= MAX_WRONG_KEYS_PER_MINUTE) {
      throw new ComputeError("rate_limited", "Too many wrong keys for this node. Wait a minute.", {
        retryAfterSeconds: Math.ceil((tries.sinceMs + MINUTE_MS - this.now()) / 1_000),
      });
    }
    tries.count += 1;
    this.tries.set(nodeId, tries);
  }
}

function digestOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

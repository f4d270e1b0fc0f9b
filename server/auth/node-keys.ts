import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { compare, hash } from "bcryptjs";
import { ComputeError } from "../../shared/errors.ts";

const BCRYPT_COST = 10;
const MAX_REMEMBERED = 20_000;
/** Wrong keys that may be tried against one node within a minute, since each costs a bcrypt. */
const MAX_FAILURES_PER_MINUTE = 5;
const MINUTE_MS = 60_000;

/** A node key: `tnvn_<digits of the node id>_<secret>`. The store keeps a bcrypt hash of the secret only. */
export class NodeKeys {
  /** By stored hash, so that a rotated key can find nothing here. The digest is of the secret that passed bcrypt. */
  private readonly verified = new Map<string, Buffer>();
  private readonly checking = new Map<string, Promise<boolean>>();
  private readonly failures = new Map<string, { sinceMs: number; count: number }>();

  constructor(private readonly now: () => number) {}

  async issue(nodeId: string): Promise<{ key: string; hash: string }> {
    const secret = randomBytes(32).toString("base64url");
    return { key: `tnvn_${nodeId.slice("node_".length)}_${secret}`, hash: await hash(secret, BCRYPT_COST) };
  }

  /** The node a key claims to be of, and its secret; undefined for what is no node key. */
  static parse(key: string): { nodeId: string; secret: string } | undefined {
    const match = /^tnvn_([0-9a-z]{26})_([\w-]{43})$/.exec(key);
    return match?.[1] && match[2] ? { nodeId: `node_${match[1]}`, secret: match[2] } : undefined;
  }

  /**
   * Whether the secret belongs to the stored hash. bcrypt runs once per key; after that a digest bound to the stored
   * hash answers. Throws `rate_limited` after too many wrong keys for one node.
   */
  async verify(nodeId: string, secret: string, storedHash: string): Promise<boolean> {
    const digest = createHash("sha256").update(secret).digest();
    const known = this.verified.get(storedHash);
    if (known && timingSafeEqual(known, digest)) return true;
    this.refuseAfterFailures(nodeId);
    const work = `${storedHash} ${digest.toString("base64url")}`;
    let check = this.checking.get(work);
    if (!check) {
      check = compare(secret, storedHash).finally(() => this.checking.delete(work));
      this.checking.set(work, check);
      if (!(await check)) this.countFailure(nodeId);
    }
    if (!(await check)) return false;
    if (this.verified.size >= MAX_REMEMBERED) this.verified.delete(this.verified.keys().next().value ?? "");
    this.verified.set(storedHash, digest);
    return true;
  }

  private refuseAfterFailures(nodeId: string): void {
    const failed = this.failures.get(nodeId);
    if (!failed) return;
    const remainingMs = failed.sinceMs + MINUTE_MS - this.now();
    if (remainingMs <= 0) this.failures.delete(nodeId);
    else if (failed.count >= MAX_FAILURES_PER_MINUTE) {
      throw new ComputeError("rate_limited", "Too many wrong keys for this node. Wait a minute.", {
        retryAfterSeconds: Math.ceil(remainingMs / 1_000),
      });
    }
  }

  private countFailure(nodeId: string): void {
    if (this.failures.size >= MAX_REMEMBERED) this.failures.clear();
    const failed = this.failures.get(nodeId) ?? { sinceMs: this.now(), count: 0 };
    failed.count += 1;
    this.failures.set(nodeId, failed);
  }
}

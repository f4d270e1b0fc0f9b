import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import { ComputeError } from "../../shared/errors.ts";
import type { ThrottleRule, ThrottleStore } from "./throttle-store.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Nobody guesses a password in the few hundred tries a day that this leaves. */
const BY_ACCOUNT: ThrottleRule = {
  freeTries: 5,
  firstMs: 2_000,
  maxMs: 15 * MINUTE_MS,
  forgetMs: 60 * MINUTE_MS,
};
/** Many people may share an address, so it has more tries; all of its tries count, whatever accounts they are for. */
const BY_ADDRESS: ThrottleRule = {
  freeTries: 20,
  firstMs: 2_000,
  maxMs: 15 * MINUTE_MS,
  forgetMs: 60 * MINUTE_MS,
};
/** How long an address counts as one from which the account's own person signs in. */
const KNOWN_MS = 90 * DAY_MS;
/** The bits of an IPv6 address that one customer of a network has: all addresses below them count as one. */
const IPV6_GROUPS = 4;

export interface Tried {
  /** What is guessed, such as `password`; each has tries of its own. */
  what: string;
  /** Whose secret is guessed, such as an email address; undefined: the secret alone says whose it is, as a key does. */
  account: string | undefined;
  /** The address that tries; undefined if it has none, as on a socket of this machine. */
  address: string | undefined;
}

/** A try that was counted. */
export interface CountedTry {
  /** The secret was right: the try does not count, and those before it are forgotten. */
  succeeded(): Promise<void>;
}

/**
 * Slows down anyone who guesses secrets, on all servers together: by the account that they guess at, and by the address that
 * they guess from. A try counts before its secret is checked, so many at the same time gain nothing. An address from
 * which the account's person signed in before has tries of its own, so that strangers cannot lock the person out.
 */
export class Throttle {
  constructor(
    private readonly store: ThrottleStore,
    private readonly now: () => number,
  ) {}

  /** Counts a try. Throws `rate_limited` with `retryAfterSeconds` if it comes too early; then nothing may be checked. */
  async begin({ what, account, address }: Tried): Promise<CountedTry> {
    const place = address === undefined ? undefined : networkOf(address);
    const byAddress = place === undefined ? undefined : keyOf(what, "address", place);
    const byAccount = account === undefined ? undefined : keyOf(what, "account", account);
    const byBoth =
      account === undefined || place === undefined ? undefined : keyOf(what, "known", account, place);
    const isKnown = byBoth !== undefined && (await this.store.has(byBoth, this.now()));
    // The address comes first: one that has to wait cannot use up the tries of accounts.
    if (byAddress !== undefined) await this.take(byAddress, BY_ADDRESS);
    const counted = isKnown ? byBoth : byAccount;
    if (counted !== undefined) await this.take(counted, BY_ACCOUNT);
    return {
      succeeded: async () => {
        const nowMs = this.now();
        if (byAddress !== undefined) await this.store.giveBack(byAddress, nowMs);
        if (byAccount !== undefined && !isKnown) await this.store.clear(byAccount, nowMs);
        if (byBoth !== undefined) await this.store.clear(byBoth, nowMs + KNOWN_MS);
      },
    };
  }

  /** The account's person signed in from this address, so it has tries of its own there. */
  async trust({ what, account, address }: Required<Pick<Tried, "what" | "address">> & { account: string }) {
    if (address === undefined) return;
    await this.store.clear(keyOf(what, "known", account, networkOf(address)), this.now() + KNOWN_MS);
  }

  private async take(key: string, rule: ThrottleRule): Promise<void> {
    const waitMs = await this.store.take(key, rule, this.now());
    if (waitMs > 0) throw tooManyTries(waitMs);
  }
}

function tooManyTries(waitMs: number): ComputeError {
  const seconds = Math.ceil(waitMs / 1_000);
  return new ComputeError("rate_limited", `There were too many tries. Try again in ${seconds} s.`, {
    retryAfterSeconds: seconds,
  });
}

/** The part of an address that counts as one: an IPv4 address, or the first 64 bits of an IPv6 address. */
export function networkOf(address: string): string {
  const plain = address.replace(/%.*$/, "").toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1];
  if (mapped !== undefined || !isIPv6(plain)) return mapped ?? plain;
  const [head = "", tail] = plain.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => "0"), ...after];
  return `${groups
    .slice(0, IPV6_GROUPS)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}

/** Names neither the account nor the address, so that the store has no list of them. */
function keyOf(...parts: string[]): string {
  return createHash("sha256").update(parts.join("\0")).digest("base64url");
}

import { createHmac, randomInt, timingSafeEqual } from "node:crypto";
import type { OneTimeStore } from "../auth/one-time-store.ts";
import type { Mailer } from "../mail/mailer.ts";
import type { From } from "./contract.ts";

const CODE_DIGITS = 6;
const CODE_MINUTES = 10;
/** How many codes may be tried before a new one is needed. */
const MAX_TRIES = 5;

/** Whether a text has the form of a code, as people type it. */
export function isCode(text: string): boolean {
  return /^\d{6}$/.test(text.replaceAll(/\s/g, ""));
}

export interface CodeParts {
  oneTime: OneTimeStore;
  /** Undefined: the server sends no mail. */
  mailer: Mailer | undefined;
  /** Keys the hashes of codes: without it, a million hashes would tell a code. */
  key: Uint8Array;
  /** What people call this server: its URL. */
  serverName: () => string;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Codes for one sign-in, sent by mail. The store has only a keyed hash of each. */
export class Codes {
  constructor(private readonly parts: CodeParts) {}

  /** Makes the code, also for an address that nobody has, so that both take the same time. Replaces the one before. */
  async make(email: string): Promise<string> {
    const code = String(randomInt(10 ** CODE_DIGITS)).padStart(CODE_DIGITS, "0");
    const endsAtMs = this.parts.now() + CODE_MINUTES * 60_000;
    const value = this.hashOf(email, code);
    await this.parts.oneTime.put({ key: this.keyOf(email), value, reads: MAX_TRIES, endsAtMs });
    return code;
  }

  post(email: string, code: string, from: From): void {
    const { mailer, serverName } = this.parts;
    mailer?.post({
      to: email,
      subject: "Your code to sign in to Tanvrit Compute",
      text: `Your code to sign in at ${serverName()} is

    ${code}

It works once, within ${CODE_MINUTES} minutes.
It was asked for from ${from.address ?? "the server's own machine"}.
If you did not ask for it, ignore this mail: nobody gets in without it.
`,
    });
  }

  /** Whether the code is right; each call is a try. The code still works until `spend`. */
  async isRight(email: string, code: string): Promise<boolean> {
    const { oneTime, now } = this.parts;
    const wanted = Buffer.from((await oneTime.read(this.keyOf(email), now())) ?? this.hashOf(email, "none"));
    const given = Buffer.from(this.hashOf(email, code.replaceAll(/\s/g, "")));
    return timingSafeEqual(wanted, given);
  }

  /** Ends the code. Of any number of callers one gets true. */
  spend(email: string, code: string): Promise<boolean> {
    return this.parts.oneTime.remove(this.keyOf(email), this.hashOf(email, code.replaceAll(/\s/g, "")));
  }

  private keyOf(email: string): string {
    return `code/${this.macOf(email)}`;
  }

  private hashOf(email: string, code: string): string {
    return this.macOf(`${email}\0${code}`);
  }

  private macOf(text: string): string {
    return createHmac("sha256", this.parts.key).update(text).digest("base64url");
  }
}

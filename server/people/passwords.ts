import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { Gate } from "../../shared/gate.ts";

/** What OWASP asks of argon2id at least. One check takes some 50 ms of a core, and 19 MiB. */
const ARGON2 = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
/** One core stays free for everything else. */
const MAX_RUNNING = Math.max(1, Math.min(4, availableParallelism() - 1));
/** The last of them waits some seconds. */
const MAX_WAITING = 40;
const BUSY_RETRY_SECONDS = 5;

/** Passwords that every guesser tries first, and that are long enough otherwise. */
const COMMON = new Set(
  [
    "1234567890 12345678910 123456789a 1q2w3e4r5t 1qaz2wsx3edc abcdefghij administrator changeme123 qwertyuiop",
    "iloveyou123 letmein123 password12 password123 password1234 password1! passw0rd123 p@ssw0rd123 qwerty12345",
    "welcome123 sunshine123 superman123 princess123 football123 baseball123 trustno1234 zaq12wsxcde q1w2e3r4t5",
    "0987654321 0123456789 9876543210 asdfghjkl1 asdfghjkl; monkey12345 dragon12345 master12345 mypassword",
  ].flatMap((line) => line.split(" ")),
);

/** Hashes and checks passwords, a few at a time, outside the event loop's thread. */
export class Passwords {
  private readonly gate = new Gate(MAX_RUNNING);

  private constructor(private readonly nobodys: string) {}

  static async open(): Promise<Passwords> {
    return new Passwords(await Bun.password.hash(randomBytes(16).toString("hex"), ARGON2));
  }

  /** Throws `unavailable` if too many wait. */
  hash(password: string): Promise<string> {
    return this.inTurn(() => Bun.password.hash(normal(password), ARGON2));
  }

  /** Whether the password belongs to the hash. Takes as long without a hash. Throws `unavailable` if too many wait. */
  verify(password: string, hash: string | undefined): Promise<boolean> {
    return this.inTurn(async () => {
      const isRight = await Bun.password.verify(normal(password), hash ?? this.nobodys);
      return isRight && hash !== undefined;
    });
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.gate.queued >= MAX_WAITING) {
      const detail = "Too many people are signing in at the same time. Try again in a few seconds.";
      throw new ComputeError("unavailable", detail, { retryAfterSeconds: BUSY_RETRY_SECONDS });
    }
    return this.gate.pass(work);
  }
}

/** Throws `invalid_request` if a password is too short, too long, or among the first that anybody would guess. */
export function requireStrong(
  password: string,
  { email, userName }: { email?: string | undefined; userName: string },
): void {
  const message = weaknessOf(normal(password), [userName, email, email?.split("@")[0]]);
  if (message === undefined) return;
  throw new ComputeError("invalid_request", `The password ${message}.`, {
    errors: [{ path: "password", message }],
  });
}

function weaknessOf(password: string, names: readonly (string | undefined)[]): string | undefined {
  const chars = [...password];
  if (chars.length < MIN_PASSWORD_CHARS) return `needs at least ${MIN_PASSWORD_CHARS} characters`;
  if (chars.length > MAX_PASSWORD_CHARS) return `may have at most ${MAX_PASSWORD_CHARS} characters`;
  const plain = password.toLowerCase();
  const isName = names.some(
    (name) => name !== undefined && name.length > 2 && isMadeOf(plain, name.toLowerCase()),
  );
  if (isName) return "must not be made of your name or your address";
  if (COMMON.has(plain) || new Set(chars).size < 4) return "is one of the first that a stranger would try";
  return undefined;
}

/** Whether a password is a name with a few digits or signs around it. */
function isMadeOf(password: string, name: string): boolean {
  return password.includes(name) && /^[\d\W_]*$/.test(password.replaceAll(name, ""));
}

/** Keyboards write some letters in several ways (NIST SP 800-63B, 3.1.1.2). */
function normal(password: string): string {
  return password.normalize("NFC");
}

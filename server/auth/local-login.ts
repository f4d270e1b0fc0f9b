import { createHmac, timingSafeEqual } from "node:crypto";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ComputeError } from "../../shared/errors.ts";
import { idTimeMs, newId } from "../../shared/ids.ts";
import type { SessionStore } from "./session-store.ts";

const CHALLENGE_MS = 60_000;
/** Sign-ins that were begun and not finished. */
const MAX_PENDING = 100;
const FILE_PREFIX = "local-login-";

/**
 * The same-machine sign-in: whoever can read a 0600 file of the server's user is that user. The secret is derived
 * from the challenge by a key of the store, so any server that shares the store can finish what another began.
 */
export class LocalLogin {
  private readonly directory: string;

  constructor(
    dataDir: string,
    private readonly sessions: SessionStore,
    private readonly key: Uint8Array,
    private readonly now: () => number,
  ) {
    this.directory = join(dataDir, "local-login");
  }

  async start(): Promise<{ challengeId: string; secretFile: string; expiresAtMs: number }> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    if ((await this.removeOld()) >= MAX_PENDING) {
      throw new ComputeError(
        "rate_limited",
        "Too many sign-ins were begun and not finished. Wait a minute.",
        {
          retryAfterSeconds: CHALLENGE_MS / 1_000,
        },
      );
    }
    const challengeId = newId("chl");
    const expiresAtMs = this.now() + CHALLENGE_MS;
    const secretFile = join(this.directory, `${FILE_PREFIX}${challengeId}`);
    await writeFile(secretFile, this.secretOf(challengeId), { mode: 0o600, flag: "wx" });
    return { challengeId, secretFile, expiresAtMs };
  }

  /** Throws `unauthenticated` for a wrong, old or used secret. */
  async finish(challengeId: string, secret: string): Promise<void> {
    const expected = Buffer.from(this.secretOf(challengeId));
    const given = Buffer.from(secret);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new ComputeError(
        "unauthenticated",
        "The secret is not the one of this challenge. Start the sign-in again.",
      );
    }
    if (this.isOld(challengeId) || !(await this.sessions.useOnce(challengeId, this.now()))) {
      throw new ComputeError("unauthenticated", "This sign-in was used or is too old. Start it again.");
    }
    await rm(join(this.directory, `${FILE_PREFIX}${challengeId}`), { force: true });
  }

  private secretOf(challengeId: string): string {
    return `tnvl_${createHmac("sha256", this.key).update(challengeId).digest("base64url")}`;
  }

  private isOld(challengeId: string): boolean {
    return this.now() - idTimeMs(challengeId) > CHALLENGE_MS;
  }

  /** Resolves with the number of files that are left. */
  private async removeOld(): Promise<number> {
    const names = (await readdir(this.directory)).filter((name) => name.startsWith(FILE_PREFIX));
    const old = names.filter((name) => this.isOld(name.slice(FILE_PREFIX.length)));
    await Promise.all(old.map((name) => rm(join(this.directory, name), { force: true })));
    return names.length - old.length;
  }
}

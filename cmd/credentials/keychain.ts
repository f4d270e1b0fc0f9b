import { createHash } from "node:crypto";
import { type Env, inAccountHome, tanvritHome } from "../../shared/config/home.ts";
import { withLimit } from "../../shared/wait.ts";
import { isTerminal } from "../input/is-terminal.ts";
import { Output } from "../output/output.ts";
import { type CredentialStore, CredentialStoreError, parseStored, type StoredSession } from "./store.ts";

const SERVICE = "com.tanvrit.compute.cli";
/** No workspace can have this name. The entry exists only for a moment. */
const PROBE = { service: SERVICE, name: "#unlocked" };
/** A keychain may wait for a person to unlock it, or for a desktop that does not exist. */
const LIMIT_MS = 2_000;
/** The same, if a person is there who can be asked for a password. */
const PERSON_LIMIT_MS = 60_000;
const ADVICE =
  "Unlock the keychain and try again, or keep the tokens in a file: " +
  "tanvrit-compute auth login --credential-store file";

/**
 * A question that the keychain did not answer within the limit, and has not answered since. Until it has, it is not asked
 * again, so a command waits for it once. Shared by all stores: a process has one keychain.
 */
let unanswered: Promise<unknown> | undefined;

/** The operating system's keychain: Keychain, Credential Manager, or a Secret Service. */
export class KeychainStore implements CredentialStore {
  readonly kind = "keychain";
  readonly place = `the keychain (service ${SERVICE})`;
  private readonly suffix: string;
  private readonly personThere: boolean;

  constructor(env: Env) {
    // Another TANVRIT_HOME counts as another person: its entries must not replace those of the usual home.
    const digest = createHash("sha256").update(tanvritHome(env)).digest("hex").slice(0, 12);
    // No workspace name can contain a #, so none looks like an entry of another home.
    this.suffix = tanvritHome(env) === inAccountHome(env, ".tanvrit") ? "" : `#${digest}`;
    this.personThere = isPersonThere(env);
  }

  async read(workspace: string): Promise<StoredSession | undefined> {
    const entry = this.entry(workspace);
    const text = await this.bounded(() => evenIfLocked(() => Bun.secrets.get(entry)));
    return text === undefined ? undefined : parseStored(text);
  }

  async write(workspace: string, session: StoredSession): Promise<void> {
    const value = JSON.stringify(session);
    await this.bounded(() => Bun.secrets.set({ ...this.entry(workspace), value }));
  }

  async remove(workspace: string): Promise<void> {
    const entry = this.entry(workspace);
    await this.bounded(() => evenIfLocked(() => Bun.secrets.delete(entry)));
  }

  private entry(workspace: string): { service: string; name: string } {
    return { service: SERVICE, name: workspace + this.suffix };
  }

  /** The result of `use`. Throws CredentialStoreError if it fails or takes too long, or an earlier question is unanswered. */
  private async bounded<T>(use: () => Promise<T>): Promise<T> {
    const limitMs = this.personThere ? PERSON_LIMIT_MS : LIMIT_MS;
    const noAnswer = () => new Error(`no answer within ${limitMs / 1_000} s`);
    if (unanswered) throw failureOf(noAnswer());
    const note = this.personThere ? setTimeout(sayThatWeWait, LIMIT_MS) : undefined;
    try {
      const answer = use();
      return await withLimit(limitMs, answer, () => {
        remember(answer);
        return noAnswer();
      });
    } catch (error) {
      throw failureOf(error as Error);
    } finally {
      clearTimeout(note);
    }
  }
}

function remember(answer: Promise<unknown>): void {
  unanswered = answer;
  const forget = () => {
    if (unanswered === answer) unanswered = undefined;
  };
  answer.then(forget, forget);
}

function failureOf(cause: Error): CredentialStoreError {
  return new CredentialStoreError(`the keychain cannot be used: ${cause.message}`, { cause, todo: ADVICE });
}

/**
 * The result of `find`. A locked Secret Service answers as if it were empty; only a write makes it ask its owner for the
 * password, or fail if it cannot ask. So a write is tried before an entry counts as missing.
 */
async function evenIfLocked<T>(find: () => Promise<T | null>): Promise<T | undefined> {
  const found = await find();
  if (found || process.platform !== "linux") return found ?? undefined;
  await Bun.secrets.set({ ...PROBE, value: "removed at once" });
  await Bun.secrets.delete(PROBE);
  return (await find()) ?? undefined;
}

/** Whether there is a terminal where we can say that we wait, and a desktop where the keychain can ask. */
function isPersonThere(env: Env): boolean {
  const desktop = process.platform !== "linux" || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
  return desktop && isTerminal(2);
}

function sayThatWeWait(): void {
  const line = `tanvrit-compute: waiting up to ${PERSON_LIMIT_MS / 1_000} s for the keychain; it may be asking you to unlock it.`;
  // A note that cannot be written must not end the command.
  new Output().note(line).catch(() => undefined);
}

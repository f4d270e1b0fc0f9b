import { createHash } from "node:crypto";
import type { Env } from "../command.ts";
import { isDefaultHome, tanvritHome } from "../home.ts";
import { type CredentialStore, CredentialStoreError, parseStored, type StoredSession } from "./store.ts";

const SERVICE = "com.tanvrit.compute.cli";
/** A keychain may wait for a person to unlock it, or for a desktop that is not there. */
const LIMIT_MS = 2_000;

/** The operating system's keychain: Keychain, Credential Manager, or a Secret Service. */
export class KeychainStore implements CredentialStore {
  readonly kind = "keychain";
  readonly place = `the keychain (service ${SERVICE})`;
  private readonly suffix: string;

  constructor(env: Env) {
    // Another TANVRIT_HOME is another person to us: its entries must not replace those of the usual one.
    const digest = createHash("sha256").update(tanvritHome(env)).digest("hex").slice(0, 12);
    this.suffix = isDefaultHome(env) ? "" : `@${digest}`;
  }

  async read(workspace: string): Promise<StoredSession | undefined> {
    const text = await bounded(Bun.secrets.get({ service: SERVICE, name: this.name(workspace) }));
    return text === null ? undefined : parseStored(text);
  }

  async write(workspace: string, session: StoredSession): Promise<void> {
    const value = JSON.stringify(session);
    await bounded(Bun.secrets.set({ service: SERVICE, name: this.name(workspace), value }));
  }

  async remove(workspace: string): Promise<void> {
    await bounded(Bun.secrets.delete({ service: SERVICE, name: this.name(workspace) }));
  }

  private name(workspace: string): string {
    return workspace + this.suffix;
  }
}

async function bounded<T>(call: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${LIMIT_MS / 1_000} s`)), LIMIT_MS);
  try {
    return await Promise.race([call, late.promise]);
  } catch (error) {
    throw new CredentialStoreError(`the keychain cannot be used: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

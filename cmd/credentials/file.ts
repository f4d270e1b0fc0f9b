import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../shared/atomic-file.ts";
import { codeOf } from "../../shared/code-of.ts";
import { type Env, tanvritHome } from "../../shared/config/home.ts";
import { textOf } from "../../shared/text-of.ts";
import { type CredentialStore, CredentialStoreError, parseStored, type StoredSession } from "./store.ts";

/**
 * Files that only their owner can read, for machines without a keychain. Each workspace has its own file, so two
 * processes that renew different sessions at the same time cannot undo each other's work.
 */
export class FileStore implements CredentialStore {
  readonly kind = "file";
  readonly place: string;

  constructor(env: Env) {
    this.place = join(tanvritHome(env), "credentials");
  }

  async read(workspace: string): Promise<StoredSession | undefined> {
    try {
      return parseStored(await readFile(this.path(workspace), "utf8"));
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw this.failure("read", workspace, error);
    }
  }

  async write(workspace: string, session: StoredSession): Promise<void> {
    try {
      await mkdir(this.place, { recursive: true, mode: 0o700 });
      writeFileAtomic(this.path(workspace), `${JSON.stringify(session)}\n`);
    } catch (error) {
      throw this.failure("write", workspace, error);
    }
  }

  async remove(workspace: string): Promise<void> {
    try {
      await rm(this.path(workspace), { force: true });
    } catch (error) {
      throw this.failure("remove", workspace, error);
    }
  }

  private path(workspace: string): string {
    return join(this.place, `${workspace}.json`);
  }

  private failure(what: string, workspace: string, cause: unknown): CredentialStoreError {
    const why = textOf(cause);
    const todo = `Give your account read and write access to ${this.place}, or set TANVRIT_HOME to a directory where it has both`;
    return new CredentialStoreError(`cannot ${what} ${this.path(workspace)}: ${why}`, { cause, todo });
  }
}

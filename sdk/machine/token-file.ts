import { readFile, stat } from "node:fs/promises";
import { codeOf } from "../../shared/code-of.ts";
import { textOf } from "../../shared/text-of.ts";
import { isToken, type TokenSource } from "../token-credentials.ts";

/** A token or an API key has a few hundred bytes. */
const MAX_BYTES = 64 * 1_024;

/** The file has no usable token. The program that writes it may be about to replace it, so a later request may succeed. */
export class TokenFileError extends Error {
  override name = "TokenFileError";
}

/** A token or an API key in a file that another program keeps up to date. */
export class TokenFile implements TokenSource {
  private read: { version: string; token: string } | undefined;

  constructor(readonly path: string) {}

  /** The token that the file has now. It is read again only if it has changed. Throws TokenFileError. */
  async token(): Promise<string> {
    const version = await this.version();
    if (this.read?.version !== version) this.read = { version, token: await this.load() };
    return this.read.token;
  }

  /** Reads the file again, even if it looks unchanged. Resolves with whether the token is a different one. */
  async hasChanged(): Promise<boolean> {
    const before = this.read?.token;
    this.read = undefined;
    return (await this.token()) !== before;
  }

  private async version(): Promise<string> {
    const facts = await stat(this.path).catch((error: unknown) => this.fail(error));
    if (!facts.isFile()) throw new TokenFileError(`${this.path} is not a file`);
    const { ino, size, mtimeMs, ctimeMs } = facts;
    if (size > MAX_BYTES) throw new TokenFileError(`${this.path} is too long for a token: ${size} bytes`);
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  }

  private async load(): Promise<string> {
    const token = (await readFile(this.path, "utf8").catch((error: unknown) => this.fail(error))).trim();
    if (token === "") throw new TokenFileError(`${this.path} is empty`);
    if (!isToken(token)) throw new TokenFileError(`${this.path} does not contain one token alone`);
    return token;
  }

  private fail(cause: unknown): never {
    const why = codeOf(cause) === "ENOENT" ? "there is no such file" : textOf(cause);
    throw new TokenFileError(`cannot read a token from ${this.path}: ${why}`, { cause });
  }
}

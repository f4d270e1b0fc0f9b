import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { codeOf } from "../../shared/code-of.ts";
import { textOf } from "../../shared/text-of.ts";
import type { SealKeys } from "./seal.ts";

const MIN_KEY_CHARS = 32;
const KEY_BYTES = 32;
/** The first words of a file with several keys. Every other file is one key. */
const HEADER = "# tanvrit-compute keys";
const COMMENT = `${HEADER}, newest first: every key decrypts, and the one that "seals" encrypts`;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** A key file cannot be used; the message says why. */
export class KeyFileError extends Error {
  override name = "KeyFileError";
}

/**
 * The keys of a file. Usually it is one. While the key is rotated it is two, so that servers that read the file at
 * different times understand each other: first the new key only opens, then it seals and the old key only opens.
 */
export interface KeyFile {
  /** The newest key, as its line spells it. */
  newest: string;
  /** The key before it. */
  older?: { text: string; seals: boolean };
}

/** The keys in a file, the sealing one first; undefined if there is no such file. Throws KeyFileError. */
export function keysIn(path: string): SealKeys | undefined {
  const file = readKeyFile(path);
  if (!file) return undefined;
  const { newest, older } = file;
  const next = keyOf(newest);
  if (!older) return { keys: [next] };
  return older.seals ? { keys: [keyOf(older.text), next], next } : { keys: [next, keyOf(older.text)] };
}

/** The key that encrypts. */
export function sealingKeyOf({ newest, older }: KeyFile): Uint8Array {
  return keyOf(older?.seals ? older.text : newest);
}

/** Undefined if there is no such file. Throws KeyFileError. */
export function readKeyFile(path: string): KeyFile | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  if (!text.startsWith(HEADER)) {
    if (text.length >= MIN_KEY_CHARS) return { newest: digestOf(text) };
    throw new KeyFileError(`${path} has ${text.length} characters; a key needs at least ${MIN_KEY_CHARS}`);
  }
  const lines = text.split("\n").map((line) => line.trim());
  const keys = lines.flatMap((line) => {
    const [, role, key] = /^(seals|opens) (\S+)$/.exec(line) ?? [];
    return role !== undefined && key !== undefined ? [{ key, seals: role === "seals" }] : [];
  });
  const [newest, older] = keys;
  const isWhole = keys.length === lines.filter((line) => line !== "" && !line.startsWith("#")).length;
  if (!isWhole || keys.length !== 2 || !newest || !older || newest.seals === older.seals) {
    throw new KeyFileError(
      `${path} begins with "${HEADER}", but does not have one line "seals KEY" and one line "opens KEY"`,
    );
  }
  for (const { key } of keys) {
    if (DIGEST.test(key) || key.length >= MIN_KEY_CHARS) continue;
    throw new KeyFileError(
      `a key in ${path} has ${key.length} characters; it needs at least ${MIN_KEY_CHARS}`,
    );
  }
  return { newest: newest.key, older: { text: older.key, seals: older.seals } };
}

/** A new random key beside the one key of a file. The old key still seals. */
export function withNewKey({ newest }: KeyFile): KeyFile {
  return { newest: newKey(), older: { text: newest, seals: true } };
}

export function newKey(): string {
  return randomBytes(KEY_BYTES).toString("base64url");
}

/** The content of the file. A file with one key is that key alone, which every release reads. */
export function keyFileText({ newest, older }: KeyFile): string {
  if (!older) return `${newest}\n`;
  const [first, second] = older.seals ? ["opens", "seals"] : ["seals", "opens"];
  return `${COMMENT}\n${first} ${newest}\n${second} ${older.text}\n`;
}

/** A name for a key by which nobody can guess it. */
export function fingerprintOf(key: Uint8Array): string {
  return createHash("sha256").update("tanvrit-compute fingerprint").update(key).digest("hex").slice(0, 16);
}

function keyOf(text: string): Uint8Array {
  if (DIGEST.test(text)) return Buffer.from(text.slice("sha256:".length), "hex");
  return createHash("sha256").update(text).digest();
}

/** The spelling of a key for a line of its own, whatever its text. */
function digestOf(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw new KeyFileError(`cannot read ${path}: ${textOf(cause)}`, { cause });
  }
}

import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { S3Client } from "bun";
import { codeOf } from "../../shared/code-of.ts";
import { ComputeError } from "../../shared/errors.ts";
import { leaveGarbage } from "../../shared/garbage.ts";
import { Gate } from "../../shared/gate.ts";
import { makePrivateDirectory } from "../../shared/private-directory.ts";
import { textOf } from "../../shared/text-of.ts";
import { withLimit } from "../../shared/wait.ts";
import { RoomForFiles } from "../store/disk-room.ts";
import {
  type BlobStore,
  checkAge,
  checkRange,
  keyParts,
  MissingObjectError,
  type ObjectWriter,
  REQUEST_MS,
  type StoredObject,
} from "./blob-store.ts";
import { writeAll } from "./directory-blobs.ts";
import { onDisk, type Room, requireRoom, SlowError } from "./room.ts";

/** An upload is one request with the whole object, which is in memory until the store has it. */
const UPLOADS_AT_ONCE = 2;
/** The client copies bytes about so many times on their way. */
const COPIES = 2;
/** The most that S3 lists in one request. */
const MAX_LISTED = 1_000;
const DELETES_AT_ONCE = 16;
/** Written and removed when a server starts. Each start has its own: of two on one object, one may find it gone. */
const PROBE = "write-test";

export interface S3Place {
  bucket: string;
  /** Without slashes at its ends; may be empty. */
  prefix: string;
  /** If it is not AWS. */
  endpoint: string | undefined;
  region: string | undefined;
  accessKeyId: string | undefined;
  secretAccessKey: string | undefined;
  sessionToken: string | undefined;
}

export function s3Url({ bucket, prefix }: Pick<S3Place, "bucket" | "prefix">): string {
  return `s3://${[bucket, prefix].filter(Boolean).join("/")}`;
}

/**
 * Objects in a bucket of any S3-compatible store. A writer collects its object in a file of this machine that has no name,
 * so a slow client takes no memory and a killed server leaves nothing; `finish` sends it in one request. S3 makes an
 * object visible only when it is complete.
 */
export class S3Blobs implements BlobStore {
  readonly place: string;
  private readonly client: S3Client;
  private readonly prefix: string;
  private readonly uploads = new Gate(UPLOADS_AT_ONCE);

  /** @param spoolDir a directory of this server for objects on their way. */
  constructor(
    place: S3Place,
    private readonly spoolDir: string,
    private readonly room: Room = new RoomForFiles(spoolDir),
  ) {
    const { bucket, prefix, ...access } = place;
    this.place = s3Url(place);
    this.prefix = prefix === "" ? "" : `${prefix}/`;
    this.client = new S3Client({ bucket, ...access });
  }

  /** Proves that this server can list, write and delete objects there. */
  async prepare(): Promise<void> {
    makePrivateDirectory(this.spoolDir);
    await this.ask(() => this.client.list({ prefix: this.prefix, maxKeys: 1 }));
    const probe = `${this.prefix}${PROBE}-${crypto.randomUUID()}`;
    await this.ask(() => this.client.write(probe, "tanvrit-compute"));
    await this.ask(() => this.client.delete(probe));
  }

  async create(key: string): Promise<ObjectWriter> {
    keyParts(key);
    await requireRoom(this.spoolDir, this.room, 0);
    const file = await onDisk(this.spoolDir, () => openNameless(this.spoolDir));
    const store = { place: this.place, send: (size: number) => this.send(key, file, size) };
    return new SpoolWriter(this.spoolDir, this.room, file, store);
  }

  async *read(key: string, offset: number, length: number): AsyncGenerator<Uint8Array> {
    keyParts(key);
    checkRange(offset, length);
    const end = offset + length;
    const stream = this.client.file(`${this.prefix}${key}`).slice(offset, end).stream();
    const reader = stream.getReader();
    let left = length;
    try {
      while (left > 0) {
        const { value } = await this.ask(() => reader.read(), { key, end });
        if (!value) throw new MissingObjectError(key, this.place, end);
        left -= value.length;
        leaveGarbage(COPIES * value.length);
        yield value;
      }
    } finally {
      // Whether it is over is all that matters.
      await reader.cancel().catch(() => undefined);
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) keyParts(key);
    for (let i = 0; i < keys.length; i += DELETES_AT_ONCE) {
      const some = keys.slice(i, i + DELETES_AT_ONCE);
      await Promise.all(some.map((key) => this.ask(() => this.client.delete(`${this.prefix}${key}`))));
    }
  }

  async list(afterKey: string | undefined, limit: number): Promise<StoredObject[]> {
    const found: StoredObject[] = [];
    let startAfter = afterKey === undefined ? undefined : `${this.prefix}${afterKey}`;
    for (;;) {
      const maxKeys = Math.min(MAX_LISTED, limit - found.length);
      if (maxKeys === 0) return found;
      const page = await this.ask(() => this.client.list({ prefix: this.prefix, startAfter, maxKeys }));
      for (const { key, size } of page.contents ?? []) {
        startAfter = key;
        const own = key.slice(this.prefix.length);
        // Somebody else's, or the probe.
        if (/^[\w-]+\/[\w-]+$/.test(own)) found.push({ key: own, bytes: size ?? 0 });
      }
      if (!page.isTruncated) return found;
    }
  }

  /** Writers leave nothing behind: see the class. */
  async sweep(): Promise<void> {}

  async close(): Promise<void> {}

  private async send(key: string, file: FileHandle, size: number): Promise<void> {
    const leave = await this.uploads.enter(AbortSignal.timeout(REQUEST_MS)).catch(() => {
      throw new ComputeError("storage_failed", BUSY);
    });
    try {
      const bytes = await onDisk(this.spoolDir, () => readWhole(file, size));
      await this.ask(() => this.client.write(`${this.prefix}${key}`, bytes));
      leaveGarbage(COPIES * size);
    } finally {
      leave();
    }
  }

  private async ask<T>(request: () => Promise<T>, range?: { key: string; end: number }): Promise<T> {
    try {
      return await withLimit(REQUEST_MS, request(), () => new SlowError());
    } catch (cause) {
      const code = codeOf(cause);
      if (range && code === "NoSuchKey") throw new MissingObjectError(range.key, this.place);
      if (range && code === "InvalidRange") throw new MissingObjectError(range.key, this.place, range.end);
      throw new ComputeError("storage_failed", `${this.place} cannot be used: ${wordsOf(cause)}`, { cause });
    }
  }
}

/** Nothing answers at the endpoint. */
const UNREACHABLE = ["ConnectionRefused", "FailedToOpenSocket", "DNSResolveFailed", "ConnectionClosed"];
const NO_ANSWER = "nothing answers at its endpoint. Check --artifacts-endpoint and the network.";
const HINTS: Record<string, string> = {
  ...Object.fromEntries(UNREACHABLE.map((code) => [code, NO_ANSWER])),
  NoSuchBucket: "there is no such bucket. Create it, or name another with --artifacts.",
  InvalidAccessKeyId: "it does not know the access key. Check AWS_ACCESS_KEY_ID.",
  SignatureDoesNotMatch: "the secret key is wrong. Check AWS_SECRET_ACCESS_KEY.",
  AccessDenied: "the access key may not list, read, write and delete objects there. Give it these rights.",
  ERR_S3_MISSING_CREDENTIALS: "there is no access key. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
};

/** Whether the error of a request is that nothing answered. */
export function isOutOfReach(error: unknown): boolean {
  const cause = error instanceof ComputeError ? error.cause : undefined;
  return cause instanceof SlowError || UNREACHABLE.includes(codeOf(cause) ?? "");
}

function wordsOf(cause: unknown): string {
  const code = codeOf(cause) ?? "";
  return HINTS[code] ?? `${textOf(cause)}${code && ` (${code})`}.`;
}

interface Sender {
  place: string;
  send: (size: number) => Promise<void>;
}

class SpoolWriter implements ObjectWriter {
  private readonly begunAtMs = performance.now();
  private size = 0;

  constructor(
    private readonly dir: string,
    private readonly room: Room,
    private readonly file: FileHandle,
    private readonly store: Sender,
  ) {}

  async write(chunk: Uint8Array): Promise<void> {
    await requireRoom(this.dir, this.room, chunk.length);
    await onDisk(this.dir, () => writeAll(this.file, chunk));
    this.size += chunk.length;
  }

  async finish(): Promise<void> {
    try {
      checkAge(this.begunAtMs, this.store.place);
      await this.store.send(this.size);
    } finally {
      await this.abort();
    }
  }

  async abort(): Promise<void> {
    // Nothing can be done, and the file has no name.
    await this.file.close().catch(() => undefined);
  }
}

/** A file without a name: it is gone when it is closed, also if the process dies. */
async function openNameless(dir: string): Promise<FileHandle> {
  const path = join(dir, crypto.randomUUID());
  const file = await open(path, "wx+", 0o600);
  await rm(path);
  return file;
}

async function readWhole(file: FileHandle, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(bytes, at, size - at, at);
    if (bytesRead === 0) throw new Error("the file on its way became shorter");
    at += bytesRead;
  }
  return bytes;
}

const BUSY = "Too many files are on their way to the S3 store. Try again later.";

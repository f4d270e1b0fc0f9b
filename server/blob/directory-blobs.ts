import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf } from "../../shared/code-of.ts";
import { leaveGarbage } from "../../shared/garbage.ts";
import { makePrivateDirectory } from "../../shared/private-directory.ts";
import { RoomForFiles } from "../store/disk-room.ts";
import {
  type BlobStore,
  checkAge,
  checkRange,
  keyParts,
  MissingObjectError,
  type ObjectWriter,
  type StoredObject,
} from "./blob-store.ts";
import { onDisk, type Room, requireRoom } from "./room.ts";

const READ_BYTES = 256 * 1024;
/** No business has this name, because a key has no dot. */
const INCOMING = ".incoming";
/**
 * A pack's file is in a directory named by the first digits of its id: the packs of about nine hours. So no directory
 * grows without bound, and the packs are in the order of their keys.
 */
const SHARD_CHARS = "pack_".length + 5;
/** How often to make a directory again that another call has removed because it was empty. */
const MAX_TRIES = 10;
const PLACE = "the data directory";

/** Objects as files below one directory: `<businessId>/<shard>/<packId>`. */
export class DirectoryBlobs implements BlobStore {
  readonly place = PLACE;
  private readonly room: Room;

  /** @param room only tests replace it. */
  constructor(
    private readonly dir: string,
    room?: Room,
  ) {
    this.room = room ?? new RoomForFiles(dir);
  }

  /** Throws UnsafeDirectoryError if others may write to the directory. */
  async prepare(): Promise<void> {
    makePrivateDirectory(this.dir);
    makePrivateDirectory(join(this.dir, INCOMING));
  }

  async create(key: string): Promise<ObjectWriter> {
    const path = this.pathOf(key);
    await requireRoom(this.dir, this.room, 0);
    const temporary = join(this.dir, INCOMING, crypto.randomUUID());
    const file = await onDisk(this.dir, () => open(temporary, "wx", 0o600));
    return new FileWriter(this.dir, this.room, file, temporary, () => this.keep(temporary, path));
  }

  async *read(key: string, offset: number, length: number): AsyncGenerator<Uint8Array> {
    checkRange(offset, length);
    const path = this.pathOf(key);
    const file = await onDisk(this.dir, () => openIfThere(path));
    if (!file) throw new MissingObjectError(key, PLACE);
    try {
      const end = offset + length;
      if ((await onDisk(this.dir, () => file.stat())).size < end)
        throw new MissingObjectError(key, PLACE, end);
      for (let at = offset; at < end; ) {
        const chunk = new Uint8Array(Math.min(READ_BYTES, end - at));
        const { bytesRead } = await onDisk(this.dir, () => file.read(chunk, 0, chunk.length, at));
        if (bytesRead === 0) throw new MissingObjectError(key, PLACE, end);
        at += bytesRead;
        leaveGarbage(chunk.length);
        yield chunk.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    const paths = keys.map((key) => this.pathOf(key));
    await onDisk(this.dir, async () => {
      for (const path of paths) await rm(path, { force: true });
      for (const shard of new Set(paths.map(dirname))) await this.tidy(shard);
    });
  }

  async list(afterKey: string | undefined, limit: number): Promise<StoredObject[]> {
    const after = afterKey === undefined ? undefined : keyParts(afterKey);
    const found: StoredObject[] = [];
    return onDisk(this.dir, async () => {
      for (const businessId of await namesIn(this.dir)) {
        if (businessId === INCOMING || (after && businessId < after.businessId)) continue;
        const afterPack = businessId === after?.businessId ? after.packId : "";
        for (const shard of await namesIn(join(this.dir, businessId))) {
          if (shard < shardOf(afterPack)) continue;
          for (const packId of await namesIn(join(this.dir, businessId, shard))) {
            if (packId <= afterPack) continue;
            if (found.length >= limit) return found;
            const facts = await statIfThere(join(this.dir, businessId, shard, packId));
            if (facts) found.push({ key: `${businessId}/${packId}`, bytes: facts.size });
          }
        }
      }
      return found;
    });
  }

  async sweep(olderThanMs: number): Promise<void> {
    const incoming = join(this.dir, INCOMING);
    await onDisk(this.dir, async () => {
      for (const name of await namesIn(incoming)) {
        const path = join(incoming, name);
        const facts = await statIfThere(path);
        if (facts && Date.now() - facts.mtimeMs >= olderThanMs) await rm(path, { force: true });
      }
    });
  }

  async close(): Promise<void> {}

  private pathOf(key: string): string {
    const { businessId, packId } = keyParts(key);
    return join(this.dir, businessId, shardOf(packId), packId);
  }

  /** Gives a complete file its name. */
  private async keep(temporary: string, path: string): Promise<void> {
    const shard = dirname(path);
    for (let tries = 1; ; tries++) {
      try {
        const made = await mkdir(shard, { recursive: true, mode: 0o700 });
        await rename(temporary, path);
        await syncDirectory(shard);
        if (made === undefined) return;
        await syncDirectory(dirname(shard));
        return await syncDirectory(this.dir);
      } catch (error) {
        // `tidy` has removed the directory in between.
        if (codeOf(error) !== "ENOENT" || tries >= MAX_TRIES) throw error;
      }
    }
  }

  /** Makes deletions durable, and removes directories that are empty now. */
  private async tidy(shard: string): Promise<void> {
    try {
      await syncDirectory(shard);
      await rmdir(shard);
      await rmdir(dirname(shard));
    } catch (error) {
      if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(codeOf(error) ?? "")) throw error;
    }
  }
}

class FileWriter implements ObjectWriter {
  private readonly begunAtMs = performance.now();

  constructor(
    private readonly dir: string,
    private readonly room: Room,
    private readonly file: FileHandle,
    private readonly temporary: string,
    private readonly keep: () => Promise<void>,
  ) {}

  async write(chunk: Uint8Array): Promise<void> {
    await requireRoom(this.dir, this.room, chunk.length);
    await onDisk(this.dir, () => writeAll(this.file, chunk));
  }

  async finish(): Promise<void> {
    try {
      checkAge(this.begunAtMs, PLACE);
      await onDisk(this.dir, async () => {
        await this.file.sync();
        await this.file.close();
        await this.keep();
      });
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  async abort(): Promise<void> {
    // If the disk refuses this too, `sweep` tries again.
    await this.file.close().catch(() => undefined);
    await rm(this.temporary, { force: true }).catch(() => undefined);
  }
}

/** Writes the whole chunk where the file ends. */
export async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let rest = chunk; rest.length > 0; ) {
    const { bytesWritten } = await file.write(rest, 0, rest.length);
    rest = rest.subarray(bytesWritten);
  }
}

function shardOf(packId: string): string {
  return packId.slice(0, SHARD_CHARS);
}

/** In the order of their bytes; none if there is no such directory. */
async function namesIn(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).sort();
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw error;
  }
}

function openIfThere(path: string): Promise<FileHandle | undefined> {
  return open(path, "r").catch(unlessMissing);
}

function statIfThere(path: string) {
  return stat(path).catch(unlessMissing);
}

function unlessMissing(error: unknown): undefined {
  if (codeOf(error) !== "ENOENT") throw error;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

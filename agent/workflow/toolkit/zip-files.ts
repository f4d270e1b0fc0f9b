import { createWriteStream } from "node:fs";
import { chmod, lstat, mkdir, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Writable } from "node:stream";
import { BlobReader, configure, ZipReader, ZipWriter } from "@zip.js/zip.js";

// Workers would outlive a run, and one file is packed at a time.
configure({ useWebWorkers: false });

export interface ZipEntry {
  /** In the archive, with slashes. */
  name: string;
  /** Of the file on disk. */
  path: string;
}

/** Packs files into a new archive. `level`: 0 (as they are) to 9. */
export async function zipFiles(target: string, entries: readonly ZipEntry[], level: number): Promise<void> {
  const out = Writable.toWeb(createWriteStream(target, { mode: 0o600 }));
  const writer = new ZipWriter(out, { level, keepOrder: true });
  for (const { name, path } of entries) {
    const { mtime, mode } = await stat(path);
    await writer.add(name, Bun.file(path).stream(), { lastModDate: mtime, unixMode: mode & 0o777 });
  }
  await writer.close();
}

/** Unpacks an archive below a directory. Throws an Error if an entry would leave it. Returns the number of files. */
export async function unzipFiles(archive: string, directory: string): Promise<number> {
  const reader = new ZipReader(new BlobReader(Bun.file(archive)));
  let files = 0;
  try {
    for await (const entry of reader.getEntriesGenerator()) {
      const target = await placeBelow(directory, entry.filename);
      if (entry.directory) {
        await mkdir(target, { recursive: true });
        continue;
      }
      await mkdir(dirname(target), { recursive: true });
      // A link in its place would lead the bytes elsewhere.
      await rm(target, { force: true });
      await entry.getData(Writable.toWeb(createWriteStream(target)));
      const mode = entry.unixMode ?? 0;
      if ((mode & 0o111) !== 0) await chmod(target, mode & 0o777);
      files++;
    }
  } finally {
    await reader.close();
  }
  return files;
}

/** The path of an entry; nothing on the way to it may be a link. */
async function placeBelow(directory: string, name: string): Promise<string> {
  const root = resolve(directory);
  // The library refuses names that lead out of the archive.
  const target = resolve(root, name);
  for (let above = dirname(target); above.length > root.length; above = dirname(above)) {
    const isLink = await lstat(above).then(
      (found) => found.isSymbolicLink(),
      () => false,
    );
    if (isLink) throw new Error(`The archive has an entry behind a link: ${name}.`);
  }
  return target;
}

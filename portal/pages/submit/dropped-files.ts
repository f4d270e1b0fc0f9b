/** A file that a person gave, and where it will be in the job's directory. */
export interface GivenFile {
  path: string;
  blob: Blob;
}

/** More than this is better sent by the command line, which reads ignore files and continues after an interruption. */
const MAX_FILES = 10_000;

export class TooManyFilesError extends Error {
  override name = "TooManyFilesError";

  constructor() {
    super(
      `That is more than ${MAX_FILES.toLocaleString("en")} files. Send them with the command line, which continues where it was interrupted: tanvrit-compute artifact upload DIRECTORY`,
    );
  }
}

/** The files of a drop, and those of the folders in it. Throws TooManyFilesError. */
export async function filesOfDrop(transfer: DataTransfer): Promise<GivenFile[]> {
  // After the first pause the browser takes the items back.
  const entries = [...transfer.items].flatMap((item) => {
    const entry = item.kind === "file" ? item.webkitGetAsEntry() : null;
    return entry === null ? [] : [entry];
  });
  if (entries.length === 0) return filesOfList(transfer.files);
  const files: GivenFile[] = [];
  for (const entry of entries) await collect(entry, files);
  return files;
}

/** The files that a person chose in the browser's dialog; those of a folder have its name before their own. */
export function filesOfList(list: FileList): GivenFile[] {
  if (list.length > MAX_FILES) throw new TooManyFilesError();
  return [...list].map((file) => ({ path: file.webkitRelativePath || file.name, blob: file }));
}

async function collect(entry: FileSystemEntry, files: GivenFile[]): Promise<void> {
  if (files.length > MAX_FILES) throw new TooManyFilesError();
  if (entry.isFile) {
    const blob = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed));
    files.push({ path: entry.fullPath.replace(/^\/+/, ""), blob });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // Browsers give at most a hundred at a time, and then none.
    const some = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (some.length === 0) return;
    for (const one of some) await collect(one, files);
  }
}

/** Both together, in the order of their paths; a later file replaces an earlier one at the same path. */
export function withFiles(before: readonly GivenFile[], more: readonly GivenFile[]): GivenFile[] {
  const byPath = new Map([...before, ...more].map((file) => [file.path, file]));
  if (byPath.size > MAX_FILES) throw new TooManyFilesError();
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The folder that all of them are in; undefined if there is none. */
export function sharedFolder(files: readonly GivenFile[]): string | undefined {
  const [first] = files;
  const slash = first?.path.indexOf("/") ?? -1;
  if (!first || slash === -1) return undefined;
  const folder = first.path.slice(0, slash);
  return files.every(({ path }) => path.startsWith(`${folder}/`)) ? folder : undefined;
}

export function withoutFolder(files: readonly GivenFile[], folder: string): GivenFile[] {
  return files.map(({ path, blob }) => ({ path: path.slice(folder.length + 1), blob }));
}

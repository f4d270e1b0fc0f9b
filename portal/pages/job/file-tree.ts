import type { TreeEntry } from "../../../sdk/index.ts";

/** A line of a tree that is shown. */
export interface TreeRow {
  entry: TreeEntry;
  /** Its own name, without its directories. */
  name: string;
  /** How many directories it is in. */
  depth: number;
  /** Of a directory: the files below it, and their bytes. */
  files: number;
  bytes: number;
}

/** The rows of a tree whose entries are in the order of their paths, without what is in a closed directory. */
export function rowsOf(entries: readonly TreeEntry[], closed: ReadonlySet<string>): TreeRow[] {
  const rows: TreeRow[] = [];
  const above: TreeRow[] = [];
  let hiddenBelow: string | undefined;
  for (const entry of entries) {
    const { path } = entry;
    while (above.length > 0 && !path.startsWith(`${above.at(-1)?.entry.path}/`)) above.pop();
    if (entry.type === "file")
      for (const row of above) {
        row.files++;
        row.bytes += entry.size;
      }
    const row = {
      entry,
      name: path.slice(path.lastIndexOf("/") + 1),
      depth: above.length,
      files: 0,
      bytes: 0,
    };
    if (entry.type === "directory") above.push(row);
    if (hiddenBelow !== undefined && path.startsWith(`${hiddenBelow}/`)) continue;
    hiddenBelow = entry.type === "directory" && closed.has(path) ? path : undefined;
    rows.push(row);
  }
  return rows;
}

/** What the browser can show of a file. */
export type PreviewKind = "image" | "text";

const IMAGES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  avif: "image/avif",
  svg: "image/svg+xml",
};
const TEXTS =
  /^(txt|log|md|csv|tsv|json|jsonl|ndjson|ya?ml|toml|ini|cfg|conf|env|xml|html?|css|m?[jt]sx?|py|rb|go|rs|java|kt|c|h|cc|cpp|hpp|cs|php|sh|bash|zsh|ps1|sql|r|jl|lua|pl|diff|patch|lock|gradle|properties|tf|proto|out|err)$/i;
const MAX_TEXT_BYTES = 512 * 1024;
const MAX_IMAGE_BYTES = 16 * 1024 * 1024;

/** How a file can be shown; undefined: only downloaded. */
export function previewOf({ name, bytes }: { name: string; bytes: number }): PreviewKind | undefined {
  const ending = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? "";
  if (imageTypeOf(name) !== undefined) return bytes <= MAX_IMAGE_BYTES ? "image" : undefined;
  const isText = TEXTS.test(ending) || /^[A-Z]+$|^(Make|Docker|Jenkins|Rake|Gem)file$/.test(name);
  return isText && bytes <= MAX_TEXT_BYTES ? "text" : undefined;
}

/** The media type of an image by its name. */
export function imageTypeOf(name: string): string | undefined {
  const ending = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(IMAGES, ending) ? IMAGES[ending] : undefined;
}

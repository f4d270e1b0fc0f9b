import type { TreeEntry } from "../../../sdk/index.ts";
import { NotDone } from "../../api/errors.ts";
import { compute } from "../../api/session.ts";

/** A file of an artifact that belongs to the job: one of its inputs or outputs. */
export interface FilePlace {
  jobId: string;
  artifactId: string;
  path: string;
}

/** A zip file is put together in the browser, which must hold it. */
const MAX_ZIP_BYTES = 1024 ** 3;
const MAX_ZIP_FILES = 5_000;
/** A link lives just long enough to be followed. */
const LINK_SECONDS = 60;

/** Gives a file to the browser to save. */
export async function downloadFile(place: FilePlace): Promise<void> {
  save(await linkTo(place), place.path.slice(place.path.lastIndexOf("/") + 1));
}

/** The bytes of a file. Throws an error of `fetch`, ComputeError, or NotDone. */
export async function readFile(place: FilePlace, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(await linkTo(place, signal), { signal });
  if (response.ok) return response;
  throw new NotDone(
    `The server answered ${response.status} instead of the file ${place.path}. Try it again.`,
  );
}

/**
 * Saves files as one zip file, which is put together here without compression. Throws NotDone if they are too many or too
 * large for that.
 */
export async function downloadZip(
  of: Omit<FilePlace, "path">,
  name: string,
  entries: readonly TreeEntry[],
  signal: AbortSignal,
): Promise<void> {
  const files = entries.filter((entry) => entry.type === "file");
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  if (bytes > MAX_ZIP_BYTES || files.length > MAX_ZIP_FILES)
    throw new NotDone(
      `These are too many or too large files for a zip file from the browser. On a command line, get them with: tanvrit-compute artifact download ${of.jobId}`,
    );
  const { makeZip } = await import("client-zip");
  const each = async function* () {
    for (const { path, mtimeMs, mode } of files) {
      const input = await readFile({ ...of, path }, signal);
      yield { name: path, input, mode, lastModified: mtimeMs === undefined ? undefined : new Date(mtimeMs) };
    }
  };
  const blob = await new Response(makeZip(each())).blob();
  const url = URL.createObjectURL(blob);
  save(url, `${name}.zip`);
  // The browser has taken it over by then.
  setTimeout(() => URL.revokeObjectURL(url), LINK_SECONDS * 1_000);
}

/** The server may be known to others by another name; this page may only talk to the one it came from. */
async function linkTo(place: FilePlace, signal?: AbortSignal): Promise<string> {
  const { url } = await compute.artifacts.presignDownload(
    { ...place, expiresInSeconds: LINK_SECONDS },
    { signal },
  );
  const { pathname, search } = new URL(url, location.origin);
  return pathname + search;
}

function save(url: string, name: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

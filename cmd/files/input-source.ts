import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { shownPath } from "../../sdk/files/file-error.ts";
import type { FoundTree } from "../../sdk/machine/files/find-files.ts";
import { codeOf } from "../../shared/code-of.ts";
import { pathProblem } from "../../shared/files/path.ts";
import { placePath } from "../../shared/files/path-schema.ts";
import { outputGlob } from "../../shared/job-files.ts";
import { textOf } from "../../shared/text-of.ts";
import { CliError } from "../exit/failure.ts";

/** Finds files. Says of each that cannot come along why. */
type Gather = (say: (message: string) => void) => Promise<Gathered | undefined>;

export interface Gathered {
  found: FoundTree;
  /** Called once the files are sent. */
  release?: () => Promise<void>;
}

/** Where an input comes from, as a person names it. Jobs and artifacts may be named by the start of their id. */
export type GivenSource =
  | { kind: "local"; path: string; type: "file" | "directory" }
  /** Files of this machine that are found only when they are sent; undefined: there are none. */
  | { kind: "gathered"; gather: Gather }
  | { kind: "artifact"; artifact: string }
  | { kind: "job"; job: string; glob: string | undefined };

/** An input of a job before its files are sent. */
export interface GivenInput {
  source: GivenSource;
  /** As a person wrote it; undefined: a default that only the server knows. */
  to: string | undefined;
  /** What errors call it: `--input src:dest`, or `job.yaml: inputs.0`. */
  label: string;
}

/** What is wrong with an input: with an option, or with a file. */
type Wrong = "usage" | "bad_data";

/** Reads the value of `--input`. Throws CliError. */
export async function readInputOption(text: string): Promise<GivenInput> {
  const label = `--input ${shownPath(text) || "''"}`;
  const { from, to } = await splitInput(text, label);
  return readInput(from, to, { label, directory: process.cwd(), wrong: "usage" });
}

/** Reads an entry of `inputs` in a job file; `directory` is where its relative paths begin. Throws CliError. */
export function readInputField(
  { from, to }: { from: string; to?: string | undefined },
  where: { label: string; directory: string },
): Promise<GivenInput> {
  return readInput(from, to, { ...where, wrong: "bad_data" });
}

/**
 * Splits `SRC[:DEST]`. A local path may contain colons: of all ways to split it, the one with the longest SRC that exists
 * counts. If none exists, a colon after a drive letter is part of SRC.
 */
async function splitInput(text: string, label: string): Promise<{ from: string; to?: string }> {
  const scheme = /^(artifact|job):/.exec(text)?.[0];
  if (scheme !== undefined)
    return splitAt(text, text.indexOf(":", scheme.length), text.lastIndexOf(":"), label);
  // `C:\data` and `C:/data` begin with a drive letter.
  const isDrive = (at: number) => at === 1 && /^[A-Za-z]:[\\/]/.test(text);
  const colons = [...text.matchAll(/:/g)].map(({ index }) => index).reverse();
  for (const end of [text.length, ...colons]) {
    if (end > 0 && !(isDrive(end) && text[2] === "\\") && (await exists(text.slice(0, end))))
      return splitAt(text, end, end, label);
  }
  const last = colons.find((at) => !isDrive(at));
  return splitAt(text, last ?? -1, last ?? -1, label);
}

/** Splits at `at` if `first` says that there is a colon. */
function splitAt(text: string, first: number, at: number, label: string): { from: string; to?: string } {
  if (first < 0 || at >= text.length) return { from: text };
  if (at === text.length - 1)
    throw new CliError("usage", `${label}: DEST is empty`, {
      todo: "Leave out the colon, or write a path in the job's directory after it; . is that directory itself",
    });
  return { from: text.slice(0, at), to: text.slice(at + 1) };
}

interface Where {
  label: string;
  directory: string;
  wrong: Wrong;
}

async function readInput(from: string, to: string | undefined, where: Where): Promise<GivenInput> {
  const { label, directory, wrong } = where;
  checkPlace(to, where);
  if (from.trim() === "") throw new CliError(wrong, `${label}: SRC is empty`);
  if (from.startsWith("artifact:")) {
    const artifact = from.slice("artifact:".length);
    if (artifact === "") throw new CliError(wrong, `${label}: the id of the artifact is missing`);
    return { source: { kind: "artifact", artifact }, to, label };
  }
  if (from.startsWith("job:")) return { source: jobSource(from, where), to, label };
  const path = resolve(directory, from);
  const type = await typeOf(path, from, where);
  return { source: { kind: "local", path, type }, to: placeOf(from, path, type, to, where), label };
}

function jobSource(from: string, { label, wrong }: Where): GivenSource {
  const slash = from.indexOf("/");
  const job = from.slice("job:".length, slash < 0 ? undefined : slash);
  if (job === "") throw new CliError(wrong, `${label}: the id of the job is missing`);
  const glob = slash < 0 || slash === from.length - 1 ? undefined : from.slice(slash + 1);
  const checked = glob === undefined ? undefined : outputGlob().safeParse(glob);
  if (checked?.success === false) throw new CliError(wrong, `${label}: ${checked.error.issues[0]?.message}`);
  return { kind: "job", job, glob: checked?.data };
}

/**
 * Where a local file or directory goes: as `cp -r` does, by its own name, but a path that ends in `/`, `.` or `..` means
 * the content of the directory. A file whose place ends in `/` goes into that directory.
 */
function placeOf(
  from: string,
  path: string,
  type: "file" | "directory",
  to: string | undefined,
  where: Where,
): string {
  const name = basename(path);
  if (type === "directory") {
    if (to !== undefined) return placePath().parse(to.replace(/\/\.$/, "/"));
    if (/(^|[\\/])\.{0,2}$/.test(from)) return ".";
    checkName(name, where);
    return name;
  }
  if (to !== undefined && !isDirectoryPlace(to)) return placePath().parse(to);
  checkName(name, where);
  return placeInside(to ?? ".", name);
}

/** `data/` and `.` name a directory, also for a single file. */
export function isDirectoryPlace(to: string): boolean {
  return /(^|\/)\.?$/.test(to);
}

export function placeInside(directory: string, name: string): string {
  return placePath().parse(`${directory.replace(/\/*\.?$/, "") || "."}/${name}`);
}

function checkName(name: string, { label, wrong }: Where): void {
  const problem = pathProblem(name);
  if (problem !== undefined) {
    throw new CliError(wrong, `${label}: its name cannot be used in a job: ${problem}`, {
      todo: "Write another name after a colon",
    });
  }
}

function checkPlace(to: string | undefined, { label, wrong }: Where): void {
  const problem =
    to === undefined ? undefined : placePath().safeParse(to.replace(/\/\.$/, "/")).error?.issues[0]?.message;
  if (problem !== undefined) {
    throw new CliError(wrong, `${label}: DEST ${shownPath(to ?? "")}: ${problem}`, {
      todo: "Write a path below the job's directory, like data/train",
    });
  }
}

async function typeOf(path: string, from: string, { label, wrong }: Where): Promise<"file" | "directory"> {
  const about = await stat(from.endsWith("/") ? `${path}/` : path).catch((cause) => {
    const code = codeOf(cause);
    if (code === "ENOENT")
      throw new CliError("not_found", `${label}: there is no file or directory ${shownPath(from)}`, {
        cause,
      });
    if (code === "ENOTDIR")
      throw new CliError("not_found", `${label}: there is no directory ${shownPath(from)}`, { cause });
    throw new CliError(wrong, `${label}: cannot read ${shownPath(from)}: ${textOf(cause)}`, { cause });
  });
  if (about.isDirectory()) return "directory";
  if (about.isFile()) return "file";
  throw new CliError(wrong, `${label}: ${shownPath(from)} is neither a file nor a directory`, {
    todo: "Write what it gives to a file, and name that",
  });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

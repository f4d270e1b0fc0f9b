import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, dirname, join, parse, relative, resolve, sep } from "node:path";
import { codeOf } from "../../../shared/code-of.ts";
import { textOf } from "../../../shared/text-of.ts";
import { CliError } from "../../exit/failure.ts";
import { askGit } from "./git.ts";

const WORKFLOWS = join(".github", "workflows");

/** Where workflows are on this machine. Paths are absolute. */
export interface WorkflowPlace {
  /** The top of the repository that is the working copy. */
  top: string;
  /** That directory is no repository but one that all kinds of files share: the workflows alone are the working copy. */
  isShared: boolean;
  /** The workflow files. */
  files: string[];
  /** The files are those of a directory: only those that the event triggers are meant. */
  isDirectory: boolean;
}

/** A git repository that is cloned where the run runs. */
export interface RemoteRepository {
  url: string;
  ref?: string | undefined;
}

/** What `--repo` names. */
export type GivenRepository = { directory: string } | RemoteRepository;

/** Reads `--repo DIR|URL[@REF]`. Throws CliError. */
export function readRepository(text: string): GivenRepository {
  if (existsSync(text)) return { directory: realpathSync(text) };
  const [, start = "", rest = ""] =
    /^([a-z][a-z0-9+.-]*:\/\/[^/]*)(\/.*)$/i.exec(text) ?? /^([^/@\s]+@[^/:\s]+)(:.+)$/.exec(text) ?? [];
  if (start === "") {
    throw new CliError("not_found", `--repo ${text}: there is no such directory`, {
      todo: "Write a directory, or a URL such as https://github.com/OWNER/NAME, with @REF for a branch, tag or commit",
    });
  }
  const at = rest.indexOf("@");
  if (at < 0) return { url: text };
  if (at === rest.length - 1)
    throw new CliError("usage", `--repo ${text}: the branch, tag or commit after @ is missing`);
  return { url: `${start}${rest.slice(0, at)}`, ref: rest.slice(at + 1) };
}

/**
 * Finds the workflows at a path, and the repository they belong to: `directory`, or the directory whose `.github/workflows`
 * holds them, or the top of the git repository around them. Throws CliError `not_found`.
 */
export async function findWorkflows(path: string, directory?: string): Promise<WorkflowPlace> {
  const place = placeOf(path, directory);
  const top = directory ?? (await repositoryAround(place));
  const isShared =
    directory === undefined && sharedDirectories().has(top) && !existsSync(join(top, ".github"));
  if (!place.isDirectory) return { top, isShared, files: [place.path], isDirectory: false };
  const files = workflowsIn(join(place.path, WORKFLOWS)) ?? workflowsIn(place.path) ?? [];
  if (files.length > 0) return { top, isShared, files, isDirectory: true };
  throw new CliError("not_found", `${path}: there is no workflow in this directory`, {
    todo: "Name a file, or a directory with files that end in .yml or .yaml, such as .github/workflows",
  });
}

/** The workflows of the repository around the current directory. Throws CliError `not_found`. */
export async function findOwnWorkflows(): Promise<WorkflowPlace> {
  const top = await askGit(process.cwd(), "rev-parse", "--show-toplevel");
  return findWorkflows(top || ".");
}

interface Place {
  path: string;
  isDirectory: boolean;
}

function placeOf(path: string, directory: string | undefined): Place {
  // A path that is not here may be meant from the top of the repository.
  const below = directory === undefined ? undefined : join(directory, path);
  const at = below !== undefined && !existsSync(path) && existsSync(below) ? below : resolve(path);
  try {
    const isDirectory = statSync(at).isDirectory();
    // The name stays as it is, even if it is a link to a file elsewhere.
    return {
      path: isDirectory ? realpathSync(at) : join(realpathSync(dirname(at)), basename(at)),
      isDirectory,
    };
  } catch (cause) {
    const why = codeOf(cause) === "ENOENT" ? "there is no such file or directory" : textOf(cause);
    throw new CliError("not_found", `cannot read ${path}: ${why}`, {
      todo: "Name a workflow file, or a directory of them; see what there is with tanvrit-compute workflow list",
      cause,
    });
  }
}

async function repositoryAround({ path, isDirectory }: Place): Promise<string> {
  const directory = isDirectory ? path : dirname(path);
  if (directory.endsWith(`${sep}${WORKFLOWS}`)) return dirname(dirname(directory));
  if (basename(directory) === ".github") return dirname(directory);
  const top = await askGit(directory, "rev-parse", "--show-toplevel");
  if (top) return realpathSync(top);
  for (let at = directory; ; at = dirname(at)) {
    if (existsSync(join(at, ".github"))) return at;
    if (dirname(at) === at) return directory;
  }
}

/** Directories where a file may lie without belonging to what lies beside it. */
function sharedDirectories(): Set<string> {
  const all = [homedir(), tmpdir(), "/tmp", "/var/tmp", dirname(homedir()), parse(process.cwd()).root];
  return new Set(all.filter((path) => existsSync(path)).map((path) => realpathSync(path)));
}

/** The workflow files directly in a directory, by name; undefined if there are none. */
function workflowsIn(directory: string): string[] | undefined {
  try {
    const names = readdirSync(directory)
      .filter((name) => /\.ya?ml$/i.test(name))
      .sort();
    return names.length === 0 ? undefined : names.map((name) => join(directory, name));
  } catch {
    return undefined; // There is no such directory.
  }
}

/** Where a workflow file is in the working copy; one that lies outside comes with those of the repository. */
export function pathInRepository(top: string, file: string): string {
  const path = relative(top, file);
  const isInside = path !== "" && path.split(sep)[0] !== ".." && resolve(top, path) === file;
  return (isInside ? path : join(WORKFLOWS, basename(file))).split(sep).join("/");
}

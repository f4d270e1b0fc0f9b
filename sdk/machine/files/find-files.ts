import { lstatSync, readdirSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { bytesText } from "../../../shared/bytes-text.ts";
import { codeOf } from "../../../shared/code-of.ts";
import { fileLimits } from "../../../shared/files/file-limits.ts";
import { pathProblem } from "../../../shared/files/path.ts";
import { leavesTree } from "../../../shared/files/tree-links.ts";
import { GARBAGE_OF_FILE_BYTES, leaveGarbage } from "../../../shared/garbage.ts";
import { textOf } from "../../../shared/text-of.ts";
import { Turns } from "../../../shared/turns.ts";
import { FileError, type FileErrorReason, shownPath } from "../../files/file-error.ts";
import type { EntryToSend, FileToSend, TreeToSend } from "../../files/tree-to-send.ts";
import { EntrySelector, FileGlobs } from "./file-globs.ts";
import { IgnoreRules } from "./ignore-rules.ts";

/** A file as it was when it was found. */
export interface FoundFile extends FileToSend {
  /** On this machine. */
  source: string;
  /** As exact as the file system knows it. */
  mtimeMs: number;
}
export type FoundEntry = EntryToSend<FoundFile>;

export interface FindOptions {
  /** Send what `.gitignore` and `.tanvritignore` leave out, too. */
  noIgnore?: boolean;
  /** Only what these choose. Default: everything. */
  globs?: readonly string[];
  /** Names in the directory itself that are left out with everything in them. */
  exclude?: readonly string[];
  /** A larger file is a problem. */
  maxFileBytes?: number;
  /** Called for each file that cannot be sent; the others are. Default: the first one is thrown. */
  onProblem?: (error: FileError) => void;
  signal?: AbortSignal;
}

/** What is in a source, in the order of a tree. */
export interface FoundTree extends TreeToSend<FoundFile> {
  entries: FoundEntry[];
  /** How many files and directories the ignore rules left out. */
  ignored: number;
}

const SLICE_MS = 10;

/**
 * Finds what is in a directory; a single file is a tree of one file. The source may itself be a symbolic link; links in it
 * are kept as links and never followed. Throws FileError.
 */
export async function findFiles(source: string, options: FindOptions = {}): Promise<FoundTree> {
  const root = resolve(source);
  const stat = statOf(root, source);
  if (stat.isDirectory()) return new Finder(realpathSync(root), options).find();
  if (!stat.isFile())
    throw new FileError("unsuitable", shownPath(source), `it is ${kindOf(stat)}, which cannot be sent`);
  const name = basename(root);
  const finder = new Finder(realpathSync(root), options);
  return finder.findOne(name, stat);
}

function statOf(root: string, source: string): Stats {
  try {
    return statSync(root);
  } catch (error) {
    const why = codeOf(error) === "ENOENT" ? "there is no such file or directory" : textOf(error);
    throw new FileError("unreadable", shownPath(source), why, { cause: error });
  }
}

/** A directory to look into. */
interface Pending {
  /** In the tree; empty for the source itself. */
  path: string;
  rules: IgnoreRules | undefined;
}

class Finder {
  private readonly found: FoundTree;
  private readonly links = new Map<string, string>();
  private readonly globs: FileGlobs | undefined;
  private readonly selector: EntrySelector<FoundEntry> | undefined;
  private readonly turns: Turns;

  constructor(
    /** Absolute. */
    private readonly root: string,
    private readonly options: FindOptions,
  ) {
    this.found = { type: "directory", name: basename(root), entries: [], files: 0, bytes: 0, ignored: 0 };
    this.turns = new Turns(SLICE_MS, options.signal);
    if (options.globs !== undefined) {
      this.globs = new FileGlobs(options.globs);
      this.selector = new EntrySelector(this.globs);
    }
  }

  async find(): Promise<FoundTree> {
    await this.look({ path: "", rules: this.options.noIgnore ? undefined : IgnoreRules.of(this.root) });
    this.dropLinksThatLeave();
    return this.found;
  }

  findOne(name: string, stat: Stats): FoundTree {
    const problem = pathProblem(name);
    if (problem !== undefined) throw new FileError("unsuitable", shownPath(name), problem);
    this.found.type = "file";
    this.found.name = name;
    this.addFile(name, this.root, stat);
    return this.found;
  }

  private async look(directory: Pending): Promise<void> {
    const { path } = directory;
    const names = this.namesIn(path);
    if (names === undefined) return;
    const rules = directory.rules?.enter(join(this.root, path));
    for (const name of names) {
      if (this.turns.isDue) await this.turns.next();
      leaveGarbage(GARBAGE_OF_FILE_BYTES);
      if (path === "" && this.options.exclude?.includes(name)) continue;
      const below = path === "" ? name : `${path}/${name}`;
      const isDirectory = this.add(below, name, rules);
      if (!isDirectory || this.globs?.mayMatchBelow(below) === false) continue;
      await this.look({ path: below, rules: rules?.below(name) });
    }
  }

  /** The names in a directory, in the order of a tree; undefined if it cannot be read. */
  private namesIn(path: string): string[] | undefined {
    const directory = join(this.root, path);
    try {
      const names = readdirSync(directory);
      // What is not UTF-8 comes with this character in its place.
      if (names.some((name) => name.includes("\uFFFD"))) this.refuseOtherBytes(path, names);
      return names.sort();
    } catch (error) {
      if (error instanceof FileError) throw error;
      this.refuse("unreadable", path || this.root, `cannot read the directory: ${whyOf(error)}`, error);
      return undefined;
    }
  }

  private refuseOtherBytes(path: string, names: string[]): void {
    for (const bytes of readdirSync(join(this.root, path), { encoding: "buffer" })) {
      const name = bytes.toString();
      if (Buffer.from(name).equals(bytes)) continue;
      names.splice(names.indexOf(name), 1);
      const shown = path === "" ? name : `${path}/${name}`;
      if (this.isWanted(shown)) this.refuse("unsuitable", shown, "the name is not valid UTF-8");
    }
  }

  /** Adds what is at the path. Returns whether it is a directory, into which to look. */
  private add(path: string, name: string, rules: IgnoreRules | undefined): boolean {
    const source = `${this.root}/${path}`;
    try {
      const stat = lstatSync(source);
      const isDirectory = stat.isDirectory();
      if (rules?.ignores(name, isDirectory)) {
        this.found.ignored++;
        return false;
      }
      const problem = pathProblem(path);
      if (problem !== undefined) {
        if (this.isWanted(path)) this.refuse("unsuitable", path, problem);
        return false;
      }
      if (isDirectory) this.keep({ type: "directory", path, mode: stat.mode & 0o777 });
      else if (stat.isFile()) this.addFile(path, source, stat);
      else if (stat.isSymbolicLink()) this.keep({ type: "link", path, target: targetOf(source) });
      else if (this.isWanted(path))
        this.refuse("unsuitable", path, `it is ${kindOf(stat)}, which cannot be sent`);
      return isDirectory;
    } catch (error) {
      if (error instanceof FileError) throw error;
      this.refuse(codeOf(error) === "ENOENT" ? "changed" : "unreadable", path, whyOf(error), error);
      return false;
    }
  }

  private addFile(path: string, source: string, { mode, mtimeMs, size }: Stats): void {
    const maxBytes = Math.min(this.options.maxFileBytes ?? Number.POSITIVE_INFINITY, fileLimits.maxFileBytes);
    if (size > maxBytes && this.isWanted(path)) {
      this.refuse(
        "unsuitable",
        path,
        `it has ${bytesText(size)}, which is more than the limit of ${bytesText(maxBytes)}`,
      );
      return;
    }
    this.keep({ type: "file", path, source, mode: mode & 0o777, mtimeMs, size });
  }

  private isWanted(path: string): boolean {
    return this.globs?.matches(path, false) ?? true;
  }

  private keep(entry: FoundEntry): void {
    const { entries } = this.found;
    for (const kept of this.selector?.push(entry) ?? [entry]) {
      entries.push(kept);
      if (kept.type === "link") this.links.set(kept.path, kept.target);
      if (kept.type !== "file") continue;
      this.found.files++;
      this.found.bytes += kept.size;
    }
    if (entries.length > fileLimits.maxEntries)
      throw new FileError("unsuitable", this.root, `it has more than ${fileLimits.maxEntries} files`);
  }

  /** Links can only be judged when all are known. */
  private dropLinksThatLeave(): void {
    const leaving = new Set<string>();
    for (const [path, target] of this.links) {
      if (!leavesTree(path, target, this.links)) continue;
      leaving.add(path);
      this.refuse("unsuitable", path, `the link to ${shownPath(target)} leads out of the directory`);
    }
    if (leaving.size > 0) this.found.entries = this.found.entries.filter(({ path }) => !leaving.has(path));
  }

  private refuse(reason: FileErrorReason, path: string, problem: string, cause?: unknown): void {
    const { onProblem } = this.options;
    const shown = shownPath(path);
    const todo = onProblem ? undefined : "To send the rest, exclude it in .tanvritignore";
    const error = new FileError(reason, shown, problem, { todo, cause });
    if (!onProblem) throw error;
    onProblem(error);
  }
}

function whyOf(error: unknown): string {
  const code = codeOf(error);
  if (code === "ENOENT") return "it vanished while the directory was read";
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  return textOf(error);
}

function targetOf(source: string): string {
  const bytes = readlinkSync(source, { encoding: "buffer" });
  const target = bytes.toString();
  if (!Buffer.from(target).equals(bytes)) throw new Error("the link's target is not valid UTF-8");
  return target;
}

function kindOf(stat: Stats): string {
  if (stat.isSocket()) return "a socket";
  if (stat.isFIFO()) return "a named pipe";
  if (stat.isBlockDevice() || stat.isCharacterDevice()) return "a device";
  return "not a file";
}

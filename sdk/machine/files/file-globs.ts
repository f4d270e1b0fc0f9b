import { globBase } from "../../../shared/job-files.ts";

/**
 * Chooses paths of a tree by globs such as `dist/**` and `*.xml`; a glob that begins with `!` excludes. A glob without
 * wildcards chooses the file, or the directory with everything in it. `*` also stands for names that begin with a dot.
 */
export class FileGlobs {
  private readonly chosen: PathGlob[];
  private readonly excluded: PathGlob[];

  constructor(globs: readonly string[]) {
    this.chosen = globs.filter((glob) => !glob.startsWith("!")).map((glob) => new PathGlob(glob));
    this.excluded = globs.filter((glob) => glob.startsWith("!")).map((glob) => new PathGlob(glob.slice(1)));
  }

  /** A directory is only chosen by a glob that chooses everything in it; other directories come with their files. */
  matches(path: string, isDirectory: boolean): boolean {
    return (
      this.chosen.some((glob) => glob.matches(path, isDirectory)) &&
      !this.excluded.some((glob) => glob.matches(path, isDirectory))
    );
  }

  /** false: nothing below the directory can match, so nobody has to look. */
  mayMatchBelow(directory: string): boolean {
    return this.chosen.some((glob) => glob.mayMatchBelow(directory));
  }
}

class PathGlob {
  private readonly base: string;
  private readonly isLiteral: boolean;
  private readonly isDeep: boolean;
  private readonly glob: Bun.Glob;

  constructor(glob: string) {
    this.base = globBase(glob);
    this.isLiteral = this.base === glob;
    this.isDeep = glob === "**" || glob.endsWith("/**");
    this.glob = new Bun.Glob(glob);
  }

  matches(path: string, isDirectory: boolean): boolean {
    if (this.isLiteral) return isAtOrBelow(path, this.base);
    if (!isDirectory) return this.glob.match(path);
    // `dist/**` also stands for `dist` itself, in case it is empty.
    return this.isDeep && this.glob.match(`${path}/x`);
  }

  mayMatchBelow(directory: string): boolean {
    if (this.base === ".") return true;
    return isAtOrBelow(directory, this.base) || isAtOrBelow(this.base, directory);
  }
}

function isAtOrBelow(path: string, directory: string): boolean {
  return path.startsWith(directory) && (path.length === directory.length || path[directory.length] === "/");
}

/** Passes on the entries that match, each after the directories that it is in. Entries come in the order of a tree. */
export class EntrySelector<Entry extends { type: string; path: string }> {
  /** The directories above the current entry that did not match themselves and are not passed on yet. */
  private waiting: Entry[] = [];

  constructor(private readonly globs: FileGlobs) {}

  push(entry: Entry): Entry[] {
    const { path, type } = entry;
    this.waiting = this.waiting.filter((directory) => path.startsWith(`${directory.path}/`));
    if (this.globs.matches(path, type === "directory")) return [...this.waiting.splice(0), entry];
    if (type === "directory") this.waiting.push(entry);
    return [];
  }
}

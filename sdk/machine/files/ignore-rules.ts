import { lstatSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import ignore, { type Ignore } from "ignore";
import { codeOf } from "../../../shared/code-of.ts";
import { textOf } from "../../../shared/text-of.ts";
import { FileError } from "../../files/file-error.ts";

const GIT_FILE = ".gitignore";
const OWN_FILE = ".tanvritignore";
const MAX_RULES_BYTES = 1024 * 1024;

/**
 * Says which files of a directory are not sent: `.gitignore` in the directory, below it and above it up to the top of the
 * git repository, `.git/info/exclude`, and `.tanvritignore` in the same places, which has the last word. The deeper file
 * wins over the higher one, as in git. `.git` is left out unless a `.tanvritignore` has `!.git`.
 */
export class IgnoreRules {
  /** What git's own files say, lowest first, and what ours say. */
  private constructor(
    private readonly git: Ignore,
    private readonly own: Ignore,
    /** Unignores the directories above the source: a person who names a directory means it. */
    private readonly above: Ignore,
    /** The path of this directory below the place that all rules are relative to; empty or with a slash at the end. */
    private readonly prefix: string,
    private readonly matcher: Ignore,
  ) {}

  /** The rules in the source directory itself, before its own files are read; see `enter`. */
  static of(source: string): IgnoreRules {
    const top = gitTopOf(source) ?? source;
    const below = relative(top, source);
    const names = below === "" ? [] : below.split("/");
    const above = newIgnore().add(names.map((_, i) => `!/${escaped(names.slice(0, i + 1).join("/"))}/`));
    const git = newIgnore();
    const exclude = excludeFileOf(top);
    if (exclude !== undefined) addFile(git, exclude, "");
    let rules = IgnoreRules.from(git, newIgnore(), above, "");
    for (const name of names) rules = rules.enter(join(top, rules.prefix)).below(name);
    return rules;
  }

  private static from(git: Ignore, own: Ignore, above: Ignore, prefix: string): IgnoreRules {
    const matcher = newIgnore().add(git).add("/.git").add("**/.git").add(own).add(above);
    return new IgnoreRules(git, own, above, prefix, matcher);
  }

  /** The rules with those that this directory adds, whose absolute path is `directory`. */
  enter(directory: string): IgnoreRules {
    const git = newIgnore().add(this.git);
    const own = newIgnore().add(this.own);
    const found = [
      addFile(git, join(directory, GIT_FILE), this.prefix),
      addFile(own, join(directory, OWN_FILE), this.prefix),
    ];
    return found.includes(true) ? IgnoreRules.from(git, own, this.above, this.prefix) : this;
  }

  /** The rules for what is in the directory `name` of this directory. */
  below(name: string): IgnoreRules {
    // The matcher remembers each path it was asked about. A new one for each directory lets it forget.
    const { git, own, above, matcher } = this;
    return new IgnoreRules(git, own, above, `${this.prefix}${name}/`, newIgnore().add(matcher));
  }

  ignores(name: string, isDirectory: boolean): boolean {
    return this.matcher.ignores(`${this.prefix}${name}${isDirectory ? "/" : ""}`);
  }
}

function newIgnore(): Ignore {
  return ignore({ ignorecase: process.platform === "darwin" });
}

/** Adds the rules of a file, which apply below `prefix`. Returns whether there is such a file. */
function addFile(rules: Ignore, path: string, prefix: string): boolean {
  let text: string;
  try {
    const stat = lstatSync(path);
    // Git does not follow a link here either.
    if (!stat.isFile()) return false;
    if (stat.size > MAX_RULES_BYTES) throw new Error(`it is larger than ${MAX_RULES_BYTES} bytes`);
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return false;
    throw new FileError("unreadable", path, `cannot read it: ${textOf(error)}`, {
      todo: "Make it readable, or use --no-ignore",
      cause: error,
    });
  }
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  rules.add(lines.map((line) => placed(line, prefix)).filter((line) => line !== ""));
  return true;
}

/** A rule of the directory `prefix`, written for the place that all rules are relative to. */
function placed(line: string, prefix: string): string {
  const [, negation = "", body = ""] = /^(!?)(.*)$/.exec(line.replace(/(?<!\\) +$/, "")) ?? [];
  if (body === "" || line.startsWith("#")) return "";
  if (prefix === "") return `${negation}${body}`;
  const isAnchored = /\/./.test(body);
  return `${negation}/${escaped(prefix)}${isAnchored ? body.replace(/^\//, "") : `**/${body}`}`;
}

/** The path as a pattern that matches it alone. */
function escaped(path: string): string {
  return path.replace(/[\\*?[\]! #]/g, "\\$&");
}

/** The directory with `.git` at or above this one. */
function gitTopOf(directory: string): string | undefined {
  for (let at = directory; ; at = dirname(at)) {
    if (isThere(join(at, ".git"))) return at;
    if (dirname(at) === at) return undefined;
  }
}

function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false; // The directory cannot be searched. If it is the source itself, reading it says so.
  }
}

/** In a worktree or submodule, `.git` is a file that names the real directory. */
function excludeFileOf(top: string): string | undefined {
  const git = join(top, ".git");
  if (!isThere(git)) return undefined;
  if (!lstatSync(git).isFile()) return join(git, "info", "exclude");
  const [, named] = /^gitdir: (.+)$/m.exec(readFileSync(git, "utf8")) ?? [];
  if (named === undefined) return undefined;
  const directory = resolve(top, named);
  const common = basename(dirname(directory)) === "worktrees" ? dirname(dirname(directory)) : directory;
  return join(common, "info", "exclude");
}

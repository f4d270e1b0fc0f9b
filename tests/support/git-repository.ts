import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A git repository for tests, with a committer of its own. */
export class GitRepository {
  constructor(readonly path: string) {
    mkdirSync(path, { recursive: true });
    this.git("init", "--quiet", "--initial-branch=main");
  }

  /** Runs git in it and returns what it printed. Throws what git complains about. */
  git(...args: string[]): string {
    const as = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
    const { exitCode, stdout, stderr } = Bun.spawnSync(["git", "-C", this.path, ...as, ...args]);
    if (exitCode !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
    return stdout.toString().trim();
  }

  /** Commits these files by path, besides what is there. Returns the commit. */
  commit(files: Readonly<Record<string, string>>, message = "Files"): string {
    writeFiles(this.path, files);
    this.git("add", "--all");
    this.git("commit", "--quiet", "--allow-empty", "--message", message);
    return this.git("rev-parse", "HEAD");
  }
}

/** Files by path from a directory. */
export function writeFiles(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
}

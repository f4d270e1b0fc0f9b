import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system in memory with a given size, mounted on its own directory: a disk that a test can fill. */
export class SmallDisk implements Disposable {
  /** Only root can mount, and not in every container. */
  static readonly isPossible = isPossible();

  private constructor(readonly path: string) {}

  /** @param path created if it does not exist. */
  static mount(path: string, sizeMb: number): SmallDisk {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (!mount(path, sizeMb)) throw new Error(`cannot mount a file system at ${path}`);
    return new SmallDisk(path);
  }

  [Symbol.dispose](): void {
    Bun.spawnSync(["umount", "--lazy", this.path]);
  }
}

function mount(path: string, sizeMb: number): boolean {
  return Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${sizeMb}m,mode=700`, "none", path]).success;
}

function isPossible(): boolean {
  const path = mkdtempSync(join(tmpdir(), "tanvrit-disk-"));
  const isMounted = mount(path, 1);
  if (isMounted) Bun.spawnSync(["umount", "--lazy", path]);
  rmSync(path, { recursive: true, force: true });
  return isMounted;
}

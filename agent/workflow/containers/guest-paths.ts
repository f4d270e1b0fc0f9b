import { posix } from "node:path";

/** Where a directory of this machine is in a container. */
export interface GuestDirectory {
  host: string;
  guest: string;
  readOnly?: boolean;
}

/** Translates paths of this machine to those in a container, and back. */
export class GuestPaths {
  private readonly directories: readonly GuestDirectory[];

  constructor(directories: readonly GuestDirectory[]) {
    // The innermost directory decides.
    this.directories = [...directories].sort((one, other) => other.host.length - one.host.length);
  }

  /** A path that the container does not have stays as it is: it is already the container's own. */
  guest(path: string): string {
    const found = this.directories.find(({ host }) => path === host || path.startsWith(`${host}/`));
    return found ? posix.join(found.guest, path.slice(found.host.length)) : path;
  }

  /** Variables whose values are such paths. */
  guestEnv(env: Readonly<Record<string, string>>): string[] {
    return Object.entries(env).map(([name, value]) => `${name}=${this.guest(value)}`);
  }

  /** For the engine, in the order in which they must be mounted. */
  mounts(): { Type: "bind"; Source: string; Target: string; ReadOnly: boolean }[] {
    return [...this.directories]
      .sort((one, other) => one.guest.length - other.guest.length)
      .map(({ host, guest, readOnly = false }) => ({
        Type: "bind",
        Source: host,
        Target: guest,
        ReadOnly: readOnly,
      }));
  }
}

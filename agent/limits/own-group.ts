import { MIB } from "../../shared/bytes-text.ts";
import {
  type CgroupFiles,
  type CgroupMount,
  cgroupMounts,
  groupDirectory,
  kernelFiles,
  ownGroups,
} from "./cgroup.ts";

/** How much of the machine this process may use; absent: all of it. */
export interface OwnGroupLimits {
  cpu?: number;
  memoryMb?: number;
}

/** The limits that control groups set for this process and its jobs, as in a container or a service with limits. */
export function ownGroupLimits(files: CgroupFiles = kernelFiles): OwnGroupLimits {
  const mounts = cgroupMounts(files.read("/proc/self/mountinfo") ?? "");
  const own = ownGroups(files.read("/proc/self/cgroup") ?? "");
  const levels = (controller: string) =>
    mounts.flatMap((mount) => {
      const isMeant = mount.kind === "cgroup2" || mount.controllers.includes(controller);
      const group = isMeant ? own.get(mount.kind === "cgroup2" ? "" : controller) : undefined;
      return group === undefined ? [] : upwards(mount, group);
    });
  const cpu = smallest(levels("cpu").map((path) => coresIn(files, path)));
  const bytes = smallest(levels("memory").map((path) => bytesIn(files, path)));
  return {
    ...(cpu !== undefined && { cpu }),
    ...(bytes !== undefined && { memoryMb: Math.floor(bytes / MIB) }),
  };
}

/** The group and its parents. Each may have limits. */
function upwards(mount: CgroupMount, group: string): string[] {
  const paths: string[] = [];
  let path = groupDirectory(mount, group);
  while (path?.startsWith(mount.path)) {
    paths.push(path);
    if (path === mount.path) break;
    path = path.slice(0, path.lastIndexOf("/"));
  }
  return paths;
}

function coresIn(files: CgroupFiles, path: string): number | undefined {
  const version1 = () => [files.read(`${path}/cpu.cfs_quota_us`), files.read(`${path}/cpu.cfs_period_us`)];
  const [quota, period] = files.read(`${path}/cpu.max`)?.split(" ") ?? version1();
  return positive(Number(quota) / Number(period));
}

function bytesIn(files: CgroupFiles, path: string): number | undefined {
  return positive(Number(files.read(`${path}/memory.max`) ?? files.read(`${path}/memory.limit_in_bytes`)));
}

/** undefined if there is no limit, which is written as `max`, as -1, or as more than any machine has. */
function positive(value: number): number | undefined {
  return value > 0 && value < Number.MAX_SAFE_INTEGER ? value : undefined;
}

function smallest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}

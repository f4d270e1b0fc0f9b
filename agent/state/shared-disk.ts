import { rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf } from "../../shared/code-of.ts";

/** How often the holder of a lock on a shared disk renews it. */
export const RENEW_EVERY_MS = 5_000;
/** A holder on another machine counts as gone when it has not renewed its lock for this long. */
const LEASE_MS = 30_000;

/** The magic numbers of NFS, SMB and CIFS, 9p, FUSE (also virtiofs), VirtualBox, Ceph, GFS2, OCFS2, AFS, Lustre, GPFS and BeeGFS. */
const SHARED = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x65735546, 0x786f4256, 0x00c36400, 0x01161970,
  0x7461636f, 0x5346414f, 0x0bd00bd0, 0x47504653, 0x19830326,
]);

/** Whether other machines may use the disk that this file is on. Not every such disk can be recognized. */
export function isShared(path: string): boolean {
  try {
    return SHARED.has(statfsSync(dirname(path)).type >>> 0);
  } catch {
    return false; // This system does not say.
  }
}

/** How long a holder on another machine still counts as alive, by the disk's clock; 0 or less: it is gone. */
export function leaseLeftMs(path: string): number {
  const probe = `${path}.${process.pid}.now`;
  try {
    writeFileSync(probe, "", { mode: 0o600 });
    return statSync(path).mtimeMs + LEASE_MS - statSync(probe).mtimeMs;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return 0;
    throw error;
  } finally {
    rmSync(probe, { force: true });
  }
}

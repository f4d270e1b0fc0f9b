import { dlopen, FFIType } from "bun:ffi";
import { LINUX_C_LIBRARIES } from "../c-library.ts";

/** Linux: the option level for sockets, the option SO_PEERCRED, and the size of its answer: pid, uid and gid. */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const UCRED_BYTES = 12;
const MACOS_C_LIBRARY = "libSystem.B.dylib";

type UidOf = (fd: number) => number | undefined;
let found: UidOf | undefined;

/**
 * The account of the process at the other end of a connected Unix socket, according to the kernel: the client or the
 * listener. undefined: the system does not say (Windows, where only the permissions of the pipe protect it).
 */
export function peerUid(socket: object): number | undefined {
  // Bun sockets have this property but do not declare it.
  const { fd } = socket as { fd?: number };
  found ??= findUidOf();
  return fd === undefined || fd < 0 ? undefined : found(fd);
}

/**
 * Whether the other end is this account or root, who can act as any account. If the system does not say (Windows), the
 * permissions of the pipe decide.
 */
export function isOwnPeer(socket: object): boolean {
  const uid = peerUid(socket);
  if (uid === undefined) return process.platform === "win32";
  return uid === process.getuid?.() || uid === 0;
}

function findUidOf(): UidOf {
  const names: Partial<Record<NodeJS.Platform, readonly string[]>> = {
    linux: LINUX_C_LIBRARIES,
    darwin: [MACOS_C_LIBRARY],
  };
  for (const name of names[process.platform] ?? []) {
    try {
      return process.platform === "linux" ? bySocketOption(name) : byPeerId(name);
    } catch {
      // Not the C library of this system.
    }
  }
  return () => undefined;
}

function bySocketOption(library: string): UidOf {
  const { i32, ptr } = FFIType;
  const { symbols } = dlopen(library, { getsockopt: { args: [i32, i32, i32, ptr, ptr], returns: i32 } });
  return (fd) => {
    const pidUidGid = new Int32Array(UCRED_BYTES / 4);
    const length = new Int32Array([UCRED_BYTES]);
    const answer = symbols.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, pidUidGid, length);
    return answer === 0 ? (pidUidGid[1] as number) >>> 0 : undefined;
  };
}

function byPeerId(library: string): UidOf {
  const { i32, ptr } = FFIType;
  const { symbols } = dlopen(library, { getpeereid: { args: [i32, ptr, ptr], returns: i32 } });
  return (fd) => {
    const uid = new Uint32Array(1);
    const gid = new Uint32Array(1);
    return symbols.getpeereid(fd, uid, gid) === 0 ? uid[0] : undefined;
  };
}

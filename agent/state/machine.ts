import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";

let boot: string | undefined;

/** Names this start of this kernel; the same in every namespace of it. Empty where the system does not say. */
export function bootId(): string {
  boot ??= textIn("/proc/sys/kernel/random/boot_id") ?? "";
  return boot;
}

/** Names the machine, however often it starts; a digest, since the system's own id is nobody else's business. */
export function machineDigest(): string {
  return digestOf("machine", machineText());
}

/** Names the one directory, on this start of this machine, in which a lock keeps two agents apart. */
export function placeDigest(stateDir: string): string {
  const { dev, ino } = statSync(stateDir, { bigint: true });
  return digestOf("place", machineText(), bootId(), String(dev), String(ino));
}

/** Names a directory on this machine over its starts: a copy of it is another one, and so is one on another machine. */
export function directoryDigest(stateDir: string): string {
  return digestOf("directory", machineText(), String(statSync(stateDir, { bigint: true }).ino));
}

function machineText(): string {
  const id = textIn("/etc/machine-id") || textIn("/var/lib/dbus/machine-id");
  if (id) return id;
  // What else stays the same on one machine and differs between two.
  const addresses = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map((one) => one.mac));
  return `${hostname()} ${[...new Set(addresses)].sort().join(" ")}`;
}

function textIn(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined; // Not of this system.
  }
}

function digestOf(...parts: string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("base64url");
}

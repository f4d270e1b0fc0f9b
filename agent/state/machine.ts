import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";

let boot: string | undefined;

/** Identifies this boot of this kernel, the same in all its namespaces. Empty when the system does not say. */
export function bootId(): string {
  boot ??= textIn("/proc/sys/kernel/random/boot_id") ?? "";
  return boot;
}

/** Identifies the machine across boots. It is a digest, because the system's own id must stay private. */
export function machineDigest(): string {
  return digestOf("machine", machineText());
}

/** Identifies the state directory on this boot of this machine. Its lock keeps two agents apart. */
export function placeDigest(stateDir: string): string {
  const { dev, ino } = statSync(stateDir, { bigint: true });
  return digestOf("place", machineText(), bootId(), String(dev), String(ino));
}

/** Identifies a directory on this machine across boots. A copy, or the same path on another machine, has another digest. */
export function directoryDigest(stateDir: string): string {
  return digestOf("directory", machineText(), String(statSync(stateDir, { bigint: true }).ino));
}

function machineText(): string {
  const id = textIn("/etc/machine-id") || textIn("/var/lib/dbus/machine-id");
  if (id) return id;
  // Without a machine id: values that are stable on one machine and differ between two.
  const addresses = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map((one) => one.mac));
  return `${hostname()} ${[...new Set(addresses)].sort().join(" ")}`;
}

function textIn(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined; // This system has no such file.
  }
}

function digestOf(...parts: string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("base64url");
}

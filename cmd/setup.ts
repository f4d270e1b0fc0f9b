/**
 * Prepares a fresh clone: installs exactly what bun.lock names. It is the first step of the scripts that must work on
 * a clone without node_modules. Any bun may run it, so it imports only built-in modules.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const INSTALL_TIMEOUT_MS = 300_000;
const root = join(import.meta.dirname, "..");

// When everything is already installed, this takes 10 ms and no network.
const install = spawnSync(process.execPath, ["install", "--frozen-lockfile"], {
  cwd: root,
  encoding: "utf8",
  timeout: INSTALL_TIMEOUT_MS,
  killSignal: "SIGKILL",
  stdio: ["ignore", "pipe", "pipe"],
});

if (install.error || install.status !== 0) {
  process.stderr.write(`${install.stdout ?? ""}${install.stderr ?? ""}`);
  fail(`bun install --frozen-lockfile ${describeEnd()}. Check the network, or set the registry in ~/.npmrc.`);
}
if (!existsSync(join(root, "node_modules", ".bin", "bun"))) {
  fail("bun install succeeded but left no node_modules/.bin/bun. Remove node_modules and try again.");
}

function describeEnd(): string {
  if (install.signal) return `was stopped by ${install.signal} (the limit is ${INSTALL_TIMEOUT_MS / 1000} s)`;
  if (install.error) return `could not be run: ${install.error.message}`;
  return `failed with exit code ${install.status}`;
}

function fail(message: string): never {
  process.stderr.write(`setup: ${message}\n`);
  process.exit(1);
}

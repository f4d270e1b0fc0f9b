/**
 * Builds the one binary: `bun run build [--target bun-linux-arm64] [--outfile FILE]`.
 * Run it with the pinned bun: its runtime becomes part of the binary.
 */
import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bundlePortal } from "../server/portal/bundle.ts";
import { packPortal } from "../server/portal/pack.ts";
import { leaveLimitsAsGiven } from "./given-limits.ts";

const BUILD_LIMIT_MS = 300_000;
const root = join(import.meta.dirname, "..");

const { values } = parseArgs({
  options: { target: { type: "string" }, outfile: { type: "string" } },
});
const outfile = resolve(root, values.outfile ?? `dist/tanvrit-compute${suffixOf(values.target)}`);
const temporary = `${outfile}.${process.pid}.tmp${outfile.endsWith(".exe") ? ".exe" : ""}`;

await mkdir(dirname(outfile), { recursive: true });
// The rename at the end replaces whatever is at this path. As root that could be /dev/null.
const there = await stat(outfile).catch(() => undefined);
if (there && !there.isFile()) {
  console.error(`build: ${outfile} is not a regular file and was left unchanged. Name another --outfile.`);
  process.exit(64);
}
const scratch = await mkdtemp(join(tmpdir(), "tanvrit-build-"));
try {
  const portal = join(scratch, "portal.pack");
  await Bun.write(portal, packPortal(await bundlePortal()));
  const build = Bun.spawnSync({
    cmd: [
      process.execPath,
      "build",
      ...buildFlags(values.target),
      join(root, "cmd/main.ts"),
      // Not a program: it is embedded as it is, and the server finds it by its name.
      portal,
      "--outfile",
      temporary,
    ],
    cwd: root,
    stdout: "pipe",
    stderr: "pipe",
    timeout: BUILD_LIMIT_MS,
  });
  if (!build.success) {
    console.error(
      `${build.stdout}${build.stderr}\nbuild: bun build failed with exit code ${build.exitCode}.`,
    );
    process.exit(1);
  }
  await leaveLimitsAsGiven(temporary);
  // A running binary cannot be written to, but it can be replaced.
  await rename(temporary, outfile);
} finally {
  await rm(temporary, { force: true });
  await rm(scratch, { recursive: true });
}
const megabytes = Math.round((await stat(outfile)).size / 1024 / 1024);
console.error(`build: ${outfile} (${megabytes} MiB)`);

function buildFlags(target: string | undefined): string[] {
  return [
    "--compile",
    ...(target ? [`--target=${target}`] : []),
    // Keep names, for the stack traces in bug reports. The bytecode makes it start fast.
    "--minify-whitespace",
    "--minify-syntax",
    "--bytecode",
    // One chunk per command: code that a call does not need is not even read.
    "--splitting",
    "--format=esm",
    // A stray .env or bunfig.toml in the caller's directory must not change what the binary does.
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
  ];
}

function suffixOf(target: string | undefined): string {
  if (!target) return process.platform === "win32" ? ".exe" : "";
  return `-${target.replace(/^bun-/, "")}${target.includes("windows") ? ".exe" : ""}`;
}

import { join } from "node:path";

const BUILD = join(import.meta.dirname, "..", "..", "cmd", "build.ts");
const BUILD_TIMEOUT_MS = 120_000;

/** Builds the binary as `bun run build` does, and returns its path. */
export async function buildProgram(outfile: string): Promise<string> {
  const build = Bun.spawn([process.execPath, BUILD, "--outfile", outfile], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: BUILD_TIMEOUT_MS,
  });
  const said = await new Response(build.stderr).text();
  const exitCode = await build.exited;
  if (exitCode !== 0) throw new Error(`the build ended with ${exitCode}: ${said}`);
  return outfile;
}

import { join } from "node:path";
import { makeScratch } from "./scratch.ts";

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

/** Until it is disposed of, the program under test is a binary built for it, unless one is given. */
export async function useBuiltProgram(): Promise<AsyncDisposable> {
  if (process.env.TANVRIT_TEST_BINARY !== undefined) return { [Symbol.asyncDispose]: async () => {} };
  const scratch = await makeScratch();
  process.env.TANVRIT_TEST_BINARY = await buildProgram(scratch.join("tanvrit-compute"));
  return {
    async [Symbol.asyncDispose]() {
      delete process.env.TANVRIT_TEST_BINARY;
      await scratch[Symbol.asyncDispose]();
    },
  };
}

import { join } from "node:path";

const RUNS = 20;

/** The wall time of a command that prints its version, next to a compiled program that prints hello. Medians, in ms. */
export async function startUpTimes(
  binary: string,
  scratch: string,
): Promise<{ versionMs: number; helloMs: number }> {
  const source = join(scratch, "hello.ts");
  const hello = join(scratch, "hello");
  await Bun.write(source, 'console.log("hello");\n');
  const build = Bun.spawn([process.execPath, "build", "--compile", source, "--outfile", hello], {
    stdout: "ignore",
    stderr: "pipe",
    timeout: 60_000,
  });
  if ((await build.exited) !== 0) {
    throw new Error(`the hello program could not be built: ${await new Response(build.stderr).text()}`);
  }
  // Alternates the two, so that other load on the machine affects both.
  const version: number[] = [];
  const greeting: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    version.push(await wallMs([binary, "--version"]));
    greeting.push(await wallMs([hello]));
  }
  return { versionMs: median(version), helloMs: median(greeting) };
}

async function wallMs(command: string[]): Promise<number> {
  const startedMs = performance.now();
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "ignore", timeout: 10_000 });
  const exitCode = await child.exited;
  if (exitCode !== 0) throw new Error(`${command.join(" ")} exited with ${exitCode}`);
  return performance.now() - startedMs;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

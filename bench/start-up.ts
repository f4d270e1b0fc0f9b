import { join } from "node:path";

const RUNS = 20;

/** The wall time of a command that says its version, beside a compiled program that says hello. Medians, in ms. */
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
    throw new Error(`the program to compare with was not built: ${await new Response(build.stderr).text()}`);
  }
  // In turns, so that whatever else the machine does meets both alike.
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
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}`);
  return performance.now() - startedMs;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

import { runProgram } from "../../tests/support/program.ts";
import { median } from "../figures.ts";
import { atMost, type Row } from "../row.ts";
import { binary, type Stage } from "../stage.ts";

const RUNS = 20;
const LIMIT_MS = 60_000;

/** Wall time of commands that a script calls often. */
export const commandLineRow: Row = {
  name: "commands",
  figures: () => ({
    submitMs: { what: "job submit", unit: "ms", aim: atMost(35) },
    versionMs: { what: "--version", unit: "ms" },
    helloMs: { what: "a compiled hello world", unit: "ms" },
    ratio: { what: "--version / hello world", unit: "", aim: atMost(1.2) },
  }),
  async open(stage) {
    const hello = await buildHello(stage);
    return async () => {
      const [submits, versions, hellos]: [number[], number[], number[]] = [[], [], []];
      // In turns, so that other load on the machine affects all.
      for (let i = 0; i < RUNS; i++) {
        submits.push(await submitMs(stage));
        versions.push(await wallMs([binary, "--version"]));
        hellos.push(await wallMs([hello]));
      }
      const [versionMs, helloMs] = [median(versions), median(hellos)];
      return { submitMs: median(submits), versionMs, helloMs, ratio: versionMs / helloMs };
    };
  },
};

async function buildHello({ person }: Stage): Promise<string> {
  const source = person.home.join("hello.ts");
  const hello = person.home.join("hello");
  await Bun.write(source, 'console.log("hello");\n');
  const build = Bun.spawn([process.execPath, "build", "--compile", source, "--outfile", hello], {
    stdout: "ignore",
    stderr: "pipe",
    timeout: LIMIT_MS,
  });
  if ((await build.exited) === 0) return hello;
  throw new Error(`the hello program could not be built: ${await new Response(build.stderr).text()}`);
}

async function submitMs({ person }: Stage): Promise<number> {
  const startedMs = performance.now();
  const { exitCode, stderr } = await runProgram(person.home.path, ["job", "submit", "--", "true"]);
  if (exitCode !== 0) throw new Error(`job submit ended with ${exitCode}: ${stderr}`);
  return performance.now() - startedMs;
}

async function wallMs(command: string[]): Promise<number> {
  const startedMs = performance.now();
  const child = Bun.spawn(command, {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    timeout: LIMIT_MS,
  });
  const exitCode = await child.exited;
  if (exitCode !== 0) throw new Error(`${command.join(" ")} exited with ${exitCode}`);
  return performance.now() - startedMs;
}

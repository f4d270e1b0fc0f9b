import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StartFailedError } from "../../agent/executors/port/executor.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { testImage } from "../support/docker.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { DockerStage } from "./docker-stage.ts";

/** The kernel accepts no single argument longer than this. */
const TOO_LONG = 131_100;
const stage = forAllTests(new DockerStage());
const image = await testImage();
afterEach(() => stage.allow({}));

const programs = join(stage.root, "programs");
mkdirSync(programs);
function program(name: string, content: string | Uint8Array, mode = 0o755): string {
  writeFileSync(join(programs, name), content, { mode });
  return `/programs/${name}`;
}
/** A program for a different kind of machine. */
function alien(): Uint8Array {
  const MACHINE_AT = 18;
  const bytes = readFileSync(process.execPath).subarray(0, 4_096);
  bytes[MACHINE_AT] = 0xff;
  return bytes;
}
const paths = {
  alien: program("alien", alien()),
  plain: program("plain", "echo hi\n", 0o644),
  lost: program("lost", "#!/no/such/interpreter\n"),
};

async function refusal(manifest: JobManifestInput, init: boolean): Promise<string> {
  stage.allow({ mounts: [programs] });
  const mounts = [{ type: "bind" as const, source: programs, target: "/programs" }];
  const docker = { network: "none", mounts, init, ...manifest.docker };
  const failure = await stage.start({ image, ...manifest, docker }).catch((error) => error);
  expect(failure).toBeInstanceOf(StartFailedError);
  expect(await stage.containers()).toEqual([]);
  return failure.message;
}

describe.each([
  ["with an init", true],
  ["without an init", false],
])("a failed start is never taken for the end of the job, %s:", (_name, init) => {
  const cases: [string, JobManifestInput, RegExp][] = [
    ["a missing program", { command: ["no-such-program"] }, /no-such-program/],
    ["a missing path", { command: ["/no/such/program"] }, /no such file/i],
    ["a directory as the program", { command: ["/programs"] }, /permission denied|is a directory/i],
    ["a file that is not executable", { command: [paths.plain] }, /permission denied/i],
    ["a script with a missing interpreter", { command: [paths.lost] }, /no such file/i],
    ["a variable that is too long", { command: ["true"], env: { BIG: "x".repeat(TOO_LONG) } }, /too long/i],
    ["an argument that is too long", { command: ["echo", "x".repeat(TOO_LONG)] }, /too long/i],
    ["a script that is too long", { command: `echo ${"x".repeat(TOO_LONG)}` }, /too long/i],
    ["an unknown user", { command: ["true"], docker: { user: "nobody-here" } }, /nobody-here/],
    ["an unknown group", { command: ["true"], docker: { user: "0:no-group" } }, /no-group/],
    ["a workdir that is a file", { command: ["true"], workdir: "/etc/passwd" }, /not a directory|mkdir/i],
    ["a workdir below a file", { command: ["true"], workdir: "/etc/passwd/x" }, /not a directory/i],
    ["a missing entrypoint", { docker: { entrypoint: ["/no/entry"] } }, /no such file/i],
    ["no command at all", {}, /no command/i],
  ];

  test.each(cases)("%s", async (_what, manifest, why) => {
    expect(await refusal(manifest, init)).toMatch(why);
  });

  test("a program for another machine", async () => {
    // An init passes a file that is not a program to a shell, which is for the same machine as the image.
    const mounts = [{ type: "bind" as const, source: join(programs, "alien"), target: "/bin/sh" }];
    const docker = init ? { mounts: [...mounts, { ...mounts[0], target: paths.alien }] } : {};
    expect(await refusal({ command: [paths.alien], docker } as JobManifestInput, init)).toMatch(
      /exec format error/i,
    );
  });

  test("but a command's own output and exit code are never taken for a failed start", async () => {
    for (const [command, exitCode] of [
      ["no-such-program", 127],
      ["/etc/passwd", 126],
      ["exit 1", 1],
      ["exit 127", 127],
      ["exit 255", 255],
      ["echo 'exec /bin/x: argument list too long' >&2; echo more; exit 1", 1],
    ] as const) {
      const { exit } = await stage.run({ image, command, docker: { init, network: "none" } });
      expect(exit).toEqual({ exitCode });
    }
  });
});

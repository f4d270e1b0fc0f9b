import { beforeAll, expect, test } from "bun:test";
import { lstatSync } from "node:fs";
import { readdir } from "node:fs/promises";
import packageJson from "../../package.json" with { type: "json" };
import { buildProgram } from "../support/build-program.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { programEnv, Running } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { TestServer } from "../support/server.ts";

const RUN_TIMEOUT_MS = 60_000;

/** Contains the binary and nothing else: no sources, no node_modules, no settings. */
const alone = forAllTests(await makeScratch());

beforeAll(async () => {
  const binary = alone.join("tanvrit-compute");
  await buildProgram(binary);
  process.env.TANVRIT_TEST_BINARY = binary;
});

test("the binary alone prints its version and its commands", async () => {
  expect(await run(["--version"])).toMatchObject({
    exitCode: 0,
    stdout: `tanvrit-compute ${packageJson.version}\n`,
  });
  expect((await run(["--help"])).stdout).toContain("job submit");
});

test("the binary alone runs the quickstart and leaves nothing next to itself", async () => {
  const { exitCode, stdout, stderr } = await run(["quickstart"]);
  expect({ exitCode, stderr: exitCode === 0 ? "" : stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatch(/^step 3 of 3/m);
  expect(stdout).toContain("SUCCESS");
  expect(await readdir(alone.path)).toEqual(["tanvrit-compute"]);
});

test.skipIf(process.platform !== "linux")(
  "a job gets the open-file limit that the agent was started with",
  async () => {
    await using server = await TestServer.start();
    await using person = await Person.signIn(server);
    const limited = ["sh", "-c", 'ulimit -Sn 512 && exec "$@"', "sh"];
    await using agent = new Running(person.home.path, ["agent", "run", "--once"], {}, limited);
    await agent.said(/Registered as/);
    const hard = Bun.spawnSync(["sh", "-c", "ulimit -Hn"]).stdout.toString().trim();
    expect(await person.get(["job", "run", "--", "sh", "-c", "ulimit -Sn; ulimit -Hn"])).toBe(`512\n${hard}`);
    expect(await agent.ended()).toBe(0);
  },
);

test("a .env file next to the binary changes nothing", async () => {
  await using elsewhere = await makeScratch();
  await Bun.write(elsewhere.join(".env"), "TANVRIT_TOKEN=stray\nTANVRIT_URL=http://stray.invalid\n");
  const { exitCode, stderr } = await run(["job", "list"], elsewhere.path);
  // Signed out, or no server at the default URL: a developer may well run one on this machine.
  expect(exitCode).toBeOneOf([69, 77]);
  expect(stderr).not.toContain("stray");
});

test("the build does not overwrite anything but a regular file, for example a device or a pipe", async () => {
  await using scratch = await makeScratch();
  const pipe = scratch.join("pipe");
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
  for (const outfile of [pipe, scratch.path]) {
    await expect(buildProgram(outfile)).rejects.toThrow(
      `the build ended with 64: build: ${outfile} is not a regular file`,
    );
  }
  expect(lstatSync(pipe).isFIFO()).toBe(true);
  expect(await readdir(scratch.path)).toEqual(["pipe"]);
});

async function run(args: string[], cwd = alone.path) {
  await using home = await makeScratch();
  const child = Bun.spawn([alone.join("tanvrit-compute"), ...args], {
    cwd,
    env: programEnv(home.path),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: RUN_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exitCode: await child.exited, stdout, stderr };
}

import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { Person } from "../support/person.ts";
import { program, programEnv } from "../support/program.ts";
import { within } from "../support/wait.ts";

const PAGE = join(import.meta.dirname, "../../docs/api.md");

/** The code block of the page under "A session by hand". */
async function session(): Promise<string> {
  const page = await Bun.file(PAGE).text();
  const block = /## A session by hand\n\n((?: {4}.*\n|\n)+)/.exec(page)?.[1] ?? "";
  return block.replace(/^ {4}/gm, "");
}

test("the curl session on the API's page works as written", async () => {
  await using person = await Person.withServer();
  await person.startAgent();
  // The page calls the program by its name.
  const bin = person.home.join("tanvrit-compute");
  const words = program().map((word) => `'${word}'`);
  await Bun.write(bin, `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`);
  await chmod(bin, 0o755);
  const env = programEnv(person.home.path);
  const running = Bun.spawn(["sh", "-c", await session()], {
    env: { ...env, TANVRIT_URL: person.server.url, PATH: `${person.home.path}${delimiter}${env.PATH}` },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [said, failed] = await within(
    60_000,
    "the session",
    Promise.all([new Response(running.stdout).text(), new Response(running.stderr).text()]),
  );
  expect(said).toContain('"text":"hello"');
  expect(said).toMatch(/event: end\ndata: .*"status":"FAILED"/);
  expect(said).toMatch(/"exitCode":3/);
  expect(said).toMatch(/\{"jobs":\[\{.*"status":"FAILED"/);
  // The file that was attached is read again.
  expect(said).toContain("all good");
  // The last call is refused, as the page says.
  expect(said).toMatch(/"status":409,"code":"conflict"/);
  expect(failed).toContain("409");
});

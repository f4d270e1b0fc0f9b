import { expect, test } from "bun:test";
import { join } from "node:path";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { programEnv } from "../support/program.ts";
import { TestServer } from "../support/server.ts";

/** A little above what it is today. Most of the time of a short command goes into making schemas. */
const MAX_SCHEMAS = 95;

const server = forAllTests(await TestServer.start());
const person = forAllTests(await Person.signIn(server));
const root = join(import.meta.dirname, "..", "..");
const counter = join(root, "tests", "support", "count-schemas.ts");

test("a job is submitted with few schemas: those of the config file, the session and the fields that it has", async () => {
  const submit = Bun.spawn(
    [process.execPath, "--preload", counter, join(root, "cmd", "main.ts"), "job", "submit", "--", "true"],
    { cwd: person.home.path, env: programEnv(person.home.path), stdin: "ignore", stderr: "pipe" },
  );
  const [exitCode, said] = await Promise.all([submit.exited, new Response(submit.stderr).text()]);
  expect({ exitCode, said }).toMatchObject({ exitCode: 0 });
  const made = Number(/^(\d+) schemas$/m.exec(said)?.[1]);
  expect(made).toBeGreaterThan(0);
  expect(made).toBeLessThan(MAX_SCHEMAS);
});

import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { Running } from "../support/program.ts";

const person = forAllTests(await Person.withServer());

test("an agent that registered with a token and a URL later runs without them, and so do its owner's commands", async () => {
  const token = await person.get(["auth", "print-token"]);
  await using home = await Person.stranger();
  const workspace = ["--workspace", "farm"];
  const start = (env: Record<string, string>) =>
    new Running(home.home.path, ["agent", "run", ...workspace], env);
  await using first = start({ TANVRIT_URL: person.server.url, TANVRIT_TOKEN: token });
  const [, id] = await first.said(/Registered as \S+ \((node_\w+)\)/);
  await first.stop();
  await using second = start({});
  const [, again] = await second.said(/Registered as \S+ \((node_\w+)\)/);
  expect(again).toBe(id ?? "");
  expect(second.stderr).toContain(`${person.server.url}, where this agent is registered`);
  const status = JSON.parse(await home.get(["agent", "status", ...workspace, "--json"]));
  expect(status).toMatchObject({ state: "running", status: { server: { url: person.server.url } } });
  await home.get(["agent", "drain", ...workspace]);
  await home.get(["agent", "stop", ...workspace]);
  expect(await second.ended()).toBe(0);
});

import { expect, test } from "bun:test";
import { missingDocker } from "../support/docker.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { makeScratch } from "../support/scratch.ts";
import { casesIn, differences, placeCase, type WorkflowCase } from "../support/workflow/case.ts";

const LIMIT_MS = 110_000;

const cases = casesIn(import.meta.dirname);
const person = forAllTests(await Person.withServer({ agent: ["--slots", "4"] }));
const lacksDocker = cases.some(({ expected }) => expected.needs === "docker")
  ? missingDocker() !== undefined
  : true;

for (const one of cases) {
  const { only, needs } = one.expected;
  const isSkipped = needs !== undefined && isMissing(needs);
  if (only !== "nodes") test.skipIf(isSkipped)(`${one.name}, here`, () => tryCase(one, ["--here"]));
  if (only !== "here") test.skipIf(isSkipped)(`${one.name}, on a node`, () => tryCase(one, []));
}

async function tryCase(one: WorkflowCase, where: string[]): Promise<void> {
  await using scratch = await makeScratch();
  const repository = scratch.join(one.name);
  const workflow = placeCase(one, repository);
  const args = one.expected.args.map((word) => word.replaceAll("{repo}", repository));
  const printed = await person.run(["workflow", "run", workflow, "--json", ...where, ...args], {
    cwd: repository,
    env: { XDG_CACHE_HOME: scratch.join("cache"), ...one.expected.env },
    timeoutMs: LIMIT_MS,
  });
  expect(differences(one.expected, printed).join("\n")).toBe("");
}

function isMissing(what: NonNullable<WorkflowCase["expected"]["needs"]>): boolean {
  if (what === "docker") return lacksDocker;
  // Nothing outside this machine is part of a test.
  if (what === "network") return true;
  return Bun.which(what) === null;
}

import { expect, test } from "bun:test";
import type { As } from "../support/api.ts";
import { TestServer } from "../support/server.ts";

const PARAMETERS = 100;

/** A template with as many patterns as a template can have. */
function templateOf(name: string, pattern: (i: number) => string) {
  const names = Array.from({ length: PARAMETERS }, (_, i) => `p${i}`);
  const parameters = names.map((one, i) => ({ name: one, type: "string" as const, pattern: pattern(i) }));
  return { name, parameters, job: { command: ["true", ...names.map((one) => `{{${one}}}`)] } };
}

const valuesOf = (value: string) =>
  Object.fromEntries(Array.from({ length: PARAMETERS }, (_, i) => [`p${i}`, value]));

/** The longest time that another user's request took while `work` was running, in ms. */
async function slowestDuring(server: TestServer, work: () => Promise<unknown>): Promise<number> {
  let isOver = false;
  const working = work().finally(() => {
    isOver = true;
  });
  let slowestMs = 0;
  while (!isOver) {
    const startMs = performance.now();
    await server.api.fetch("/healthz");
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
  }
  await working;
  return slowestMs;
}

test("the patterns in one member's template block nobody else", async () => {
  await using server = await TestServer.start();
  const user: As = await server.api.user();
  const refused = async (id: "templates.create" | "templates.run", input: unknown, why: string) => {
    const { code, detail } = await server.api.refused(id, input, user);
    expect(detail).toContain(why);
    expect(code).toBe("invalid_request");
  };
  const tooLarge = templateOf("large", (i) => `${"(a|a)*".repeat(80)}${i}`);
  const large = await slowestDuring(server, () =>
    refused("templates.create", tooLarge, "too large together"),
  );
  await server.api.call(
    "templates.create",
    templateOf("slow", (i) => `(a|b|a)*[ab]{30}(?:${i})?`),
    user,
  );
  const run = { template: "slow", params: valuesOf("ab".repeat(2_048)) };
  const slow = await slowestDuring(server, () => refused("templates.run", run, "too much work"));
  // It used to be 27 s. On an idle machine it is a tenth of a second at most.
  for (const ms of [large, slow]) expect(ms).toBeLessThan(1_500);
});

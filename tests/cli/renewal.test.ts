import { expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { TestServer } from "../support/server.ts";

const PROCESSES = 20;

const server = forAllTests(await TestServer.start());

/** Makes the stored access token look as if it had expired, and returns the generation of its refresh token. */
async function expire(person: Person): Promise<number> {
  const file = Bun.file(person.home.join("credentials", "local.json"));
  const stored = await file.json();
  await file.write(JSON.stringify({ ...stored, accessTokenExpiresAt: new Date(0).toISOString() }));
  return generationOf(stored);
}

async function generation(person: Person): Promise<number> {
  return generationOf(await Bun.file(person.home.join("credentials", "local.json")).json());
}

function generationOf({ refreshToken }: { refreshToken: string }): number {
  return Number(refreshToken.split(".")[1]);
}

test("20 processes that find an expired token at the same moment renew it once, and all of them go on", async () => {
  await using person = await Person.signIn(server);
  const before = await expire(person);
  const printed = await Promise.all(
    Array.from({ length: PROCESSES }, () => person.get(["auth", "print-token"])),
  );
  expect(new Set(printed).size).toBe(1);
  expect(await generation(person)).toBe(before + 1);
  expect(await person.get(["auth", "status"])).toContain(server.url);
});

test("a process that was killed during its turn does not hold up the others", async () => {
  await using person = await Person.signIn(server);
  await expire(person);
  await Bun.write(
    person.home.join("credentials", "local.lock"),
    JSON.stringify({ pid: 999_999_999, started: "1", boot: "another" }),
  );
  await person.get(["auth", "print-token"]);
});

test("a token file is used in place of the sign-in, and its changes are seen; an API key has a variable of its own", async () => {
  await using person = await Person.signIn(server);
  const path = person.home.join("token");
  await Bun.write(path, `${await person.get(["auth", "print-token"])}\n`);
  await rm(person.home.join("credentials"), { recursive: true });
  const env = { TANVRIT_TOKEN_FILE: path };
  expect(await person.get(["job", "list"], { env })).toContain("COMMAND");
  await Bun.write(path, "eyJ.not.valid");
  const refused = await person.run(["job", "list"], { env });
  expect(refused.exitCode).toBe(77);
  expect(refused.stderr).toContain("the token in TANVRIT_TOKEN_FILE is not valid on this server");
  const none = await person.run(["job", "list"], { env: { TANVRIT_TOKEN_FILE: person.home.join("none") } });
  expect(none.exitCode).toBe(78);
  expect(none.stderr).toContain("there is no such file");
  const key = await person.run(["job", "list"], { env: { TANVRIT_API_KEY: "secret" } });
  expect(key).toMatchObject({ exitCode: 77, stdout: "" });
  expect(key.stderr).toContain("TANVRIT_API_KEY is not an API key");
  expect(key.stderr).not.toContain("secret");
});

import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Person } from "../support/person.ts";
import { TestServer } from "../support/server.ts";

test("files that the server lost are found and forgotten, and whole again when they are sent again", async () => {
  await using server = await TestServer.start();
  await using person = await Person.signIn(server);
  const dataDir = server.scratch.join("data");
  const src = person.home.join("src");
  mkdirSync(src);
  for (let i = 0; i < 5; i++) writeFileSync(join(src, `file-${i}`), `content ${i}\n`.repeat(1_000));
  const upload = () => person.get(["artifact", "upload", src, "--name", "src"]);
  const id = await upload();
  await person.get(["artifact", "upload", join(src, "file-0"), "--name", "other"]);
  await server.stop();

  const check = (...args: string[]) => person.run(["server", "check", "--data-dir", dataDir, ...args]);
  expect(await check("--deep")).toMatchObject({ exitCode: 0 });
  const [largest = ""] = packFiles(dataDir).sort((a, b) => statSync(b).size - statSync(a).size);
  const bytes = readFileSync(largest);
  bytes[3_000] = (bytes[3_000] ?? 0) ^ 1;
  writeFileSync(largest, bytes);
  const damaged = await check("--deep");
  expect(damaged.exitCode).toBe(1);
  expect(damaged.stdout).toMatch(new RegExp(`${id}: file-\\d: its content in the pack .* is damaged`));
  rmSync(largest);
  expect((await check()).stdout).toContain(`${id}: its list of files: the pack`);
  const forgotten = await check("--forget-lost");
  expect(forgotten.exitCode).toBe(1);
  expect(forgotten.stderr).toContain("6 blobs forgotten. Send the files of these artifacts again");

  await server.startAgain();
  expect(await upload()).toBe(id);
  await person.get(["artifact", "download", id, "--to", person.home.join("back")]);
  expect(readFileSync(person.home.join("back/file-3"), "utf8")).toBe("content 3\n".repeat(1_000));
  await server.stop();
  expect(await check("--deep")).toMatchObject({ exitCode: 0 });

  rmSync(join(dataDir, "artifacts"), { recursive: true });
  const refused = await check("--forget-lost");
  expect(refused).toMatchObject({ exitCode: 78, stdout: "" });
  expect(refused.stderr).toContain("Name their place with the --artifacts of the server");
});

function packFiles(dataDir: string): string[] {
  const artifacts = join(dataDir, "artifacts");
  const paths = readdirSync(artifacts, { recursive: true }).map((name) => join(artifacts, String(name)));
  return paths.filter((path) => statSync(path).isFile());
}

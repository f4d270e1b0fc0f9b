import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseImage } from "../../../shared/image-name.ts";
import { forAllTests } from "../../../tests/support/for-all-tests.ts";
import { makeScratch } from "../../../tests/support/scratch.ts";
import { within } from "../../../tests/support/wait.ts";
import { registryAuth } from "./registry-auth.ts";

const { path: dir } = forAllTests(await makeScratch());
const bin = join(dir, "bin");
mkdirSync(bin);

function configured(config: object): Record<string, string> {
  writeFileSync(join(dir, "config.json"), JSON.stringify(config));
  return { DOCKER_CONFIG: dir, PATH: `${bin}:/usr/bin:/bin`, REGISTRY_PASSWORD: "s3cret" };
}

function shown(header: string | undefined): unknown {
  return header === undefined ? undefined : JSON.parse(Buffer.from(header, "base64url").toString());
}

const image = parseImage("images.example.com:5000/app");
const logins = {
  ours: { server: "images.example.com:5000", username: "ada", passwordEnv: "REGISTRY_PASSWORD" },
  file: { server: "images.example.com:5000", username: "ada", passwordFile: join(dir, "password") },
};

test("a login in agent.yaml is used by its name, with the password from its file or variable", async () => {
  writeFileSync(join(dir, "password"), "from file\n");
  const env = configured({});
  expect(shown((await registryAuth(image, "ours", logins, env))?.header)).toEqual({
    username: "ada",
    password: "s3cret",
    serveraddress: "images.example.com:5000",
  });
  expect(shown((await registryAuth(image, "file", logins, env))?.header)).toMatchObject({
    password: "from file",
  });
  expect((await registryAuth(image, "ours", logins, env))?.of).toBe("login ours");
});

test("a password is sent only to its own registry", async () => {
  const elsewhere = registryAuth(parseImage("evil.example.com/app"), "ours", logins, configured({}));
  await expect(elsewhere).rejects.toThrow(
    /for images\.example\.com:5000, but the image comes from evil\.example\.com/,
  );
});

test("an unknown login, or a login without a password, is reported without revealing a password", async () => {
  await expect(registryAuth(image, "theirs", logins, {})).rejects.toThrow(/does not have/);
  await expect(registryAuth(image, "ours", logins, {})).rejects.toThrow(/no variable REGISTRY_PASSWORD/);
  rmSync(join(dir, "password"), { force: true });
  await expect(registryAuth(image, "file", logins, {})).rejects.toThrow(/cannot be read \(ENOENT\)/);
});

test("a login stored by docker login is used only for its own registry", async () => {
  const env = configured({
    auths: {
      "images.example.com:5000": { auth: Buffer.from("bob:pass:word").toString("base64") },
      "https://index.docker.io/v1/": { identitytoken: "tok" },
    },
  });
  expect(shown((await registryAuth(image, undefined, {}, env))?.header)).toMatchObject({
    username: "bob",
    password: "pass:word",
  });
  expect(shown((await registryAuth(parseImage("alpine"), undefined, {}, env))?.header)).toEqual({
    identitytoken: "tok",
    serveraddress: "https://index.docker.io/v1/",
  });
  expect(await registryAuth(parseImage("ghcr.io/a/b"), undefined, {}, env)).toBeUndefined();
});

test("credential helpers are asked for a login, and a helper without one is not an error", async () => {
  const helper = join(bin, "docker-credential-fake");
  writeFileSync(
    helper,
    `#!/bin/sh\nread server\n[ "$1 $server" = "get ghcr.io" ] || exit 1\necho '{"Username":"eve","Secret":"helped"}'\n`,
  );
  chmodSync(helper, 0o755);
  const env = configured({ credHelpers: { "ghcr.io": "fake" }, credsStore: "missing" });
  expect(shown((await registryAuth(parseImage("ghcr.io/a/b"), undefined, {}, env))?.header)).toMatchObject({
    username: "eve",
    password: "helped",
  });
  expect(await registryAuth(image, undefined, {}, env)).toBeUndefined();
  const store = configured({ credsStore: "fake" });
  expect(await registryAuth(image, undefined, {}, store)).toBeUndefined();
});

test("a credential helper's login is used even if a process that it left behind holds its output open", async () => {
  const helper = join(bin, "docker-credential-lingers");
  const answer = `printf '{"Username":"eve",'; printf '"Secret":"helped"}\\n'`;
  writeFileSync(helper, `#!/bin/sh\nread server\nsleep 8 &\n${answer}\n`);
  chmodSync(helper, 0o755);
  const env = configured({ credsStore: "lingers" });
  const found = await within(4_000, "the login", registryAuth(image, undefined, {}, env));
  expect(shown(found?.header)).toMatchObject({ username: "eve", password: "helped" });
});

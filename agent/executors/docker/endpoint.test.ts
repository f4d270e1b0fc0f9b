import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { forAllTests } from "../../../tests/support/for-all-tests.ts";
import { makeScratch } from "../../../tests/support/scratch.ts";
import { findEngine, NoEngineError } from "./endpoint.ts";
import { Engine, isOlder } from "./engine.ts";

const { path: dir } = forAllTests(await makeScratch());

test("DOCKER_HOST names the engine, by socket or by network address", () => {
  expect(findEngine({ DOCKER_HOST: "unix:///run/x.sock" })).toEqual({
    url: "unix:///run/x.sock",
    socketPath: "/run/x.sock",
  });
  expect(findEngine({ DOCKER_HOST: "tcp://builder:2375" })).toMatchObject({ host: "builder", port: 2375 });
  expect(() => findEngine({ DOCKER_HOST: "ssh://me@builder" })).toThrow(NoEngineError);
});

test("over the network, certificates are used as by the docker command line", () => {
  writeFileSync(join(dir, "ca.pem"), "CA");
  const env = { DOCKER_HOST: "tcp://[::1]", DOCKER_CERT_PATH: dir };
  expect(findEngine({ ...env, DOCKER_TLS_VERIFY: "1" })).toMatchObject({
    host: "[::1]",
    port: 2376,
    tls: { ca: "CA", rejectUnauthorized: true },
  });
  expect(findEngine(env).tls?.rejectUnauthorized).toBe(false);
});

test("the selected docker context names the engine", () => {
  const id = new Bun.CryptoHasher("sha256").update("lab").digest("hex");
  const meta = join(dir, "contexts/meta", id);
  mkdirSync(meta, { recursive: true });
  writeFileSync(join(meta, "meta.json"), `{"Endpoints":{"docker":{"Host":"unix:///run/lab.sock"}}}`);
  writeFileSync(join(dir, "config.json"), `{"currentContext":"lab"}`);
  expect(findEngine({ DOCKER_CONFIG: dir }).socketPath).toBe("/run/lab.sock");
  expect(findEngine({ DOCKER_CONFIG: dir, DOCKER_HOST: "unix:///a" }).socketPath).toBe("/a");
  expect(() => findEngine({ DOCKER_CONFIG: dir, DOCKER_CONTEXT: "gone" })).toThrow(
    /context gone is selected/,
  );
});

test("versions are compared as numbers", () => {
  expect(isOlder("1.9", "1.41")).toBe(true);
  expect(isOlder("1.41", "1.41")).toBe(false);
  expect(isOlder("2.0", "1.41")).toBe(false);
});

test("if an engine cannot be reached, the error says why", async () => {
  const facts = (socketPath: string) => new Engine({ url: `unix://${socketPath}`, socketPath }).facts();
  writeFileSync(join(dir, "plain"), "");
  await expect(facts(join(dir, "none.sock"))).rejects.toThrow(/reached: the socket does not exist$/);
  await expect(facts(join(dir, "plain"))).rejects.toThrow(/reached: nothing is listening there$/);
});

import { afterAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DockerExecutorOptions } from "../../agent/executors/docker/docker-executor.ts";
import { plainGrants } from "../../agent/executors/docker/settings.ts";
import { StartFailedError } from "../../agent/executors/port/executor.ts";
import { within } from "../support/wait.ts";
import { DockerStage } from "./docker-stage.ts";
import { TestRegistry } from "./registry.ts";

const PASSWORD = "correct-horse";
const pulled: string[] = [];
const stages: DockerStage[] = [];

afterAll(async () => {
  const [stage] = stages;
  // Images that the engine still uses for a moment are removed by its next clean-up.
  for (const image of pulled) await stage?.engine.json("DELETE", `/images/${image}`).catch(() => {});
  for (const one of stages) one[Symbol.dispose]();
});

async function open(options: Partial<DockerExecutorOptions> = {}) {
  const registry = await TestRegistry.start(PASSWORD);
  pulled.push(registry.image);
  const logins = {
    ours: { server: registry.host, username: "ada", passwordEnv: "REGISTRY_PASSWORD" },
    wrong: { server: registry.host, username: "ada", passwordEnv: "WRONG_PASSWORD" },
  };
  const stage = new DockerStage({
    environment: { ...process.env, REGISTRY_PASSWORD: PASSWORD, WRONG_PASSWORD: "guess-work" },
    settings: () => ({ ...plainGrants, registries: logins }),
    ...options,
  });
  stages.push(stage);
  return { registry, stage, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() };
}

describe("an image from a private registry", () => {
  test("is pulled with the login that the job names; the log says so in a few lines, without the password", async () => {
    await using scene = await open();
    const { registry, stage } = scene;
    const job = await stage.run({ image: registry.image, docker: { registry: "ours" } });
    expect(job).toMatchObject({ exit: { exitCode: 0 }, text: { stdout: "from the registry\n" } });
    // On a busy machine there are lines between them, one every five seconds.
    expect(job.said.length).toBeLessThan(12);
    expect(job.said[0]).toBe(`Pulling the image ${registry.image} with login ours.`);
    expect(job.said.at(-1)).toMatch(/^Pulled .* in [\d.]+ s \(.*sha256:[0-9a-f]+\)\.$/);
    expect(job.said.join()).not.toContain(PASSWORD);
    const again = await stage.run({ image: registry.image, docker: { registry: "ours" } });
    expect(again.said).toEqual([]);
    const always = await stage.run({ image: registry.image, docker: { registry: "ours", pull: "always" } });
    expect(always.said.at(-1)).toContain("nothing had to be fetched");
  });

  test("is pulled with the login that docker login stored on the machine", async () => {
    await using scene = await open();
    const { registry, stage } = scene;
    const auth = Buffer.from(`ada:${PASSWORD}`).toString("base64");
    writeFileSync(join(stage.root, "config.json"), JSON.stringify({ auths: { [registry.host]: { auth } } }));
    const other = new DockerStage({ environment: { ...process.env, DOCKER_CONFIG: stage.root } });
    stages.push(other);
    const { text, said } = await other.run({ image: registry.image });
    expect(text.stdout).toBe("from the registry\n");
    expect(said[0]).toContain(`this node's own login for ${registry.host}`);
  });

  test("is refused with the registry's words if the login is wrong or missing", async () => {
    await using scene = await open();
    const { registry, stage } = scene;
    for (const docker of [{ registry: "wrong" }, {}]) {
      const failure = await stage.start({ image: registry.image, docker }).catch((error) => error);
      expect(failure).toBeInstanceOf(StartFailedError);
      expect(failure.message).toMatch(
        /cannot be pulled: .*(no basic auth|unauthorized|authentication required)/,
      );
      expect(failure.message).not.toContain("guess-work");
    }
    const missing = { image: `${registry.host}/app:2`, docker: { registry: "ours" } };
    await expect(stage.start(missing)).rejects.toThrow(/manifest unknown|not found/);
  });

  test("is given up immediately when nobody wants the job any more", async () => {
    await using scene = await open();
    const { registry, stage } = scene;
    registry.stalls = true;
    const stop = new AbortController();
    const start = stage
      .start({ image: registry.image, docker: { registry: "ours" } }, { signal: stop.signal })
      .catch((error) => error);
    await within(20_000, "the pull", Promise.race([registry.someoneWaits, start]));
    stop.abort();
    expect(await within(10_000, "giving up", start)).toBeInstanceOf(StartFailedError);
    expect(await stage.containers()).toEqual([]);
  });
});

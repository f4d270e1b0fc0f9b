import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { makeScratch } from "../../tests/support/scratch.ts";
import { within } from "../../tests/support/wait.ts";
import { detectDocker, engineAnswers } from "./docker.ts";

const VERSION = { Version: "28.5.1", ApiVersion: "1.51", Components: [{ Name: "Engine" }] };
const INFO = {
  OSType: "linux",
  CgroupVersion: "2",
  Runtimes: { runc: {} },
  SecurityOptions: ["name=rootless"],
};

function look(environment: Record<string, string>, timeoutMs = 2_000) {
  const deadlineMs = performance.now() + timeoutMs;
  return detectDocker({ environment, platform: "linux", memoryMb: 1, deadlineMs, timeoutMs });
}

const answerOf = (request: Request) =>
  Response.json(new URL(request.url).pathname.endsWith("/info") ? INFO : VERSION);

test("an engine is found at DOCKER_HOST, by socket and by TCP", async () => {
  await using scratch = await makeScratch();
  const socket = scratch.join("engine.sock");
  using _onSocket = Bun.serve({ unix: socket, fetch: answerOf });
  using onTcp = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answerOf });
  for (const host of [`unix://${socket}`, `tcp://127.0.0.1:${onTcp.port}`]) {
    const { found, problems } = await look({ DOCKER_HOST: host });
    expect(problems).toEqual([]);
    expect(found).toMatchObject({
      host,
      engine: "docker",
      version: "28.5.1",
      rootless: true,
      cgroupVersion: "2",
    });
  }
});

test("an engine that DOCKER_HOST names and that does not run is reported", async () => {
  await using scratch = await makeScratch();
  const { found, problems } = await look({ DOCKER_HOST: `unix://${scratch.join("none.sock")}` });
  expect(found).toBeUndefined();
  expect(problems).toEqual([expect.stringContaining("DOCKER_HOST")]);
});

test("a server that is not an engine is not taken for one, and is reported", async () => {
  await using scratch = await makeScratch();
  const answers: (() => Response)[] = [
    () => Response.json({ hello: "world" }),
    () => new Response("<html>nginx</html>"),
    () => new Response("no", { status: 503 }),
  ];
  for (const [i, fetch] of answers.entries()) {
    const socket = scratch.join(`${i}.sock`);
    using _server = Bun.serve({ unix: socket, fetch });
    const { found, problems } = await look({ DOCKER_HOST: `unix://${socket}` });
    expect(found).toBeUndefined();
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(socket);
  }
});

test("an engine that hangs is given up in time, and reported", async () => {
  await using scratch = await makeScratch();
  const socket = scratch.join("hangs.sock");
  // It accepts the connection, as the kernel does for a stopped process, and says nothing.
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    const startMs = performance.now();
    const { found, problems } = await look({ DOCKER_HOST: `unix://${socket}` }, 300);
    expect(performance.now() - startMs).toBeLessThan(5_000);
    expect(found).toBeUndefined();
    expect(problems).toEqual([expect.stringContaining("did not answer in time")]);
    // The short check waits only a moment, and stops when the agent ends.
    const soon = engineAnswers({ DOCKER_HOST: `unix://${socket}` }, AbortSignal.timeout(50));
    expect(await within(2_000, "no answer", soon)).toBe(false);
  } finally {
    server.close();
  }
});

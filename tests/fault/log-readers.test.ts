import { beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import { limits } from "../../shared/limits.ts";
import { type As, headersOf } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { PlayedNode } from "../support/played-node.ts";
import { TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait.ts";

const LINES = 200_000;
/** If readers came first, others would wait as long as the reading takes. On a busy machine both take longer. */
const PATIENCE = 1 / 3;

const server = forAllTests(await TestServer.start());
const user: As = await server.api.user();
let jobId: string;

beforeAll(async () => {
  const node = await PlayedNode.register(server.api, user);
  jobId = (await server.api.call("jobs.submit", { command: "true" }, user)).jobId;
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  for (let first = 1; first <= LINES; first += limits.maxLogLinesPerRequest) {
    const texts = Array.from({ length: limits.maxLogLinesPerRequest }, (_, i) => `line ${first + i}`);
    await node.log(executionId, first, texts);
  }
  await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
});

/** The longest time that another request waited while `reading` went on. */
async function longestWaitMs(reading: Promise<unknown>): Promise<number> {
  let over = false;
  void reading.finally(() => {
    over = true;
  });
  let longestMs = 0;
  while (!over) {
    const startedMs = performance.now();
    await server.api.call("auth.whoami", {}, user);
    longestMs = Math.max(longestMs, performance.now() - startedMs);
  }
  return longestMs;
}

function readLog(): Promise<string> {
  const path = `/api/compute/jobs/${jobId}/logs/stream`;
  return server.api.fetch(path, { headers: headersOf(user) }).then((response) => response.text());
}

test("reading a long log does not delay other requests", async () => {
  const startedMs = performance.now();
  const reading = Promise.all([readLog(), readLog(), readLog()]);
  const longestMs = await longestWaitMs(reading);
  expect(longestMs).toBeLessThan((performance.now() - startedMs) * PATIENCE);
  for (const text of await reading) {
    expect(text.match(/^event: log$/gm)?.length).toBe(LINES);
    expect(text).toContain("event: end");
  }
});

test("readers that disconnect and requests that break off are not logged as errors of the server", async () => {
  for (let i = 0; i < 20; i++) {
    const gone = new AbortController();
    const path = `/api/compute/jobs/${jobId}/logs/stream`;
    const response = await server.api.fetch(path, { headers: headersOf(user), signal: gone.signal });
    await response.body?.getReader().read();
    gone.abort();
  }
  for (const length of ["Content-Length: 1000", "Transfer-Encoding: chunked"]) await breakOff(length);
  await server.api.call("auth.whoami", {}, user);
  // Reading works after them as before. By then the server would have logged any error.
  expect(await readLog()).toContain("event: end");
  expect(server.stderr).not.toContain(" error ");
});

/** Sends the head of a submit request and closes the connection in the middle of its body. */
async function breakOff(length: string): Promise<void> {
  const socket = connect(server.port, "127.0.0.1");
  const head = [
    "POST /api/compute/jobs/submit HTTP/1.1",
    "Host: localhost",
    `Authorization: Bearer ${user.token}`,
    "Content-Type: application/json",
    length,
  ];
  let closed = false;
  socket.on("close", () => {
    closed = true;
  });
  await new Promise<void>((resolve) =>
    socket.write(`${head.join("\r\n")}\r\n\r\n5\r\n{"com`, () => resolve()),
  );
  socket.destroySoon();
  await waitFor("the connection to close", () => closed);
}

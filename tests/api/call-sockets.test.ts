import { afterEach, beforeEach, expect, test } from "bun:test";
import { CALLS_PROTOCOL } from "../../shared/call-frames.ts";
import { limits } from "../../shared/limits.ts";
import { type As, headersOf, readProblem } from "../support/api.ts";
import { RawSocket } from "../support/node-sockets.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";
import { RawHttp } from "../support/raw-http.ts";
import { waitFor } from "../support/wait.ts";

let plane: TestPlane;
let user: As;
let node: PlayedNode;

beforeEach(async () => {
  plane = await TestPlane.start();
  user = await plane.api.user();
  node = await PlayedNode.register(plane.api, user);
});
afterEach(() => plane[Symbol.asyncDispose]());

async function open(as: As = node.as): Promise<RawSocket> {
  const socket = await RawSocket.open(plane.api.url, headersOf(as));
  if (!socket) throw new Error("the upgrade was refused");
  return socket;
}
const beat = JSON.stringify({ executions: [] });
const poll = (waitSeconds: number) =>
  JSON.stringify({ executions: [], maxAssignments: 1, waitSeconds, condition: { suspended: true } });
const status = async () => (await plane.api.call("nodes.retrieve", { nodeId: node.nodeId }, user)).status;
async function codeOf(socket: RawSocket, number: number): Promise<string> {
  return (await readProblem(await socket.answerTo(number))).code;
}

test("many calls are under way at once, and each is answered when it is done", async () => {
  const socket = await open();
  socket.send({ call: 1, endpoint: "nodes.poll" }, poll(30));
  for (let number = 2; number < 50; number++)
    socket.send({ call: number, endpoint: "nodes.heartbeat" }, beat);
  for (let number = 2; number < 50; number++) expect((await socket.answerTo(number)).status).toBe(200);
  expect(socket.frames.some(({ head }) => head.answer === 1)).toBe(false);
  const { jobId } = await plane.api.call("jobs.submit", { command: "true" }, user);
  const { assignments } = (await (await socket.answerTo(1)).json()) as { assignments: { jobId: string }[] };
  expect(assignments.map((one) => one.jobId)).toEqual([jobId]);
});

test("a call that is taken back ends at the server, as it does when a connection of HTTP is closed", async () => {
  const socket = await open();
  socket.send({ call: 1, endpoint: "nodes.poll" }, poll(30));
  await waitFor("the poll to reach the server", async () => (await status()) === "SUSPENDED");
  socket.send({ cancel: 1 });
  await socket.answerTo(1);
  // A call that is over may be taken back too late.
  socket.send({ cancel: 1 });
  socket.send({ call: 2, endpoint: "nodes.heartbeat" }, beat);
  expect((await socket.answerTo(2)).status).toBe(200);
});

test("a poll ends when its socket is gone", async () => {
  const socket = await open();
  socket.send({ call: 1, endpoint: "nodes.poll" }, poll(30));
  await waitFor("the poll to reach the server", async () => (await status()) === "SUSPENDED");
  socket.socket.close();
  await socket.closed;
  // If it still waited, it would take the job, and the next poll would only get it as one that was lost.
  const next = node.poll([], 1, 5);
  await plane.api.call("jobs.submit", { command: "true" }, user);
  expect((await next).assignments).toHaveLength(1);
});

test("every call is authenticated: a key that was replaced is refused on its next call, and its waiting poll ends", async () => {
  const socket = await open();
  socket.send({ call: 1, endpoint: "nodes.poll" }, poll(30));
  await waitFor("the poll to reach the server", async () => (await status()) === "SUSPENDED");
  await plane.api.call("nodes.rotate-key", { nodeId: node.nodeId }, user);
  expect(await codeOf(socket, 1)).toBe("unauthenticated");
  socket.send({ call: 2, endpoint: "nodes.heartbeat" }, beat);
  expect(await codeOf(socket, 2)).toBe("unauthenticated");
  expect(await RawSocket.open(plane.api.url, headersOf(node.as))).toBeUndefined();
});

test("only a node opens a socket, and only with the subprotocol", async () => {
  for (const as of [{}, user, { nodeKey: "tnvn_nothing" }]) {
    expect(await RawSocket.open(plane.api.url, headersOf(as))).toBeUndefined();
  }
  expect(await RawSocket.open(plane.api.url, headersOf(node.as), ["chat"])).toBeUndefined();
  const upgrade = { ...headersOf(node.as), upgrade: "h2c", connection: "upgrade" };
  const other = await plane.api.fetch("/api/compute/nodes/socket", { headers: upgrade });
  expect((await readProblem(other)).code).toBe("invalid_request");
});

test("a call is refused with the problem that HTTP answers, and the socket goes on", async () => {
  const socket = await open();
  let number = 0;
  const asked = async (endpoint: string, body: string) => {
    socket.send({ call: ++number, endpoint }, body);
    const { requestId: _, ...problem } = await readProblem(await socket.answerTo(number));
    return problem;
  };
  const byHttp = async (path: string, body: string) => {
    const headers = { ...headersOf(node.as), "content-type": "application/json" };
    const response = await plane.api.fetch(`/api/compute/${path}`, { method: "POST", headers, body });
    const { requestId: _, ...problem } = await readProblem(response);
    return problem;
  };
  const tooDeep = `{"executions":${"[".repeat(100)}${"]".repeat(100)}}`;
  for (const body of ["{", '{"executions":1}', "[]", "", "\u0000", tooDeep]) {
    expect(await asked("nodes.heartbeat", body)).toEqual(await byHttp("nodes/heartbeat", body));
  }
  expect(await asked("nodes.list", "{}")).toEqual(await byHttp("nodes/list", "{}"));
  for (const endpoint of ["nodes.nothing", "constructor", "jobs.logs", "artifacts.blobs", "nodes.socket"]) {
    expect((await asked(endpoint, "{}")).code).toBe("not_found");
  }
  const keyed = { call: ++number, endpoint: "nodes.rotate-key", idempotencyKey: "k".repeat(256) };
  socket.send(keyed, "{}");
  expect(await codeOf(socket, number)).toBe("invalid_request");
});

test("a body may be as long as over HTTP; a longer one is refused, and one beyond all reason closes the socket", async () => {
  const socket = await open();
  const padded = (bytes: number) => beat.padEnd(bytes, " ");
  socket.send({ call: 1, endpoint: "nodes.heartbeat" }, padded(limits.maxBodyBytes));
  expect((await socket.answerTo(1)).status).toBe(200);
  socket.send({ call: 2, endpoint: "nodes.heartbeat" }, padded(limits.maxBodyBytes + 1));
  expect(await codeOf(socket, 2)).toBe("payload_too_large");
  const pushed = socket.closed;
  socket.send({ call: 3, endpoint: "nodes.heartbeat" }, padded(limits.maxBodyBytes + 8 * 1024));
  expect((await pushed).code).toBe(1009);
  await expectAlive();
});

const hostile: [string, unknown, number][] = [
  ["no head", "hello", 1002],
  ["an empty frame", "", 1002],
  ["a head that is not JSON", "{\n{}", 1002],
  ["a head of another kind", "[]\n{}", 1002],
  ["an answer in place of a call", '{"answer":1,"status":200}\n{}', 1002],
  ["a number that does not rise", '{"call":-1,"endpoint":"nodes.heartbeat"}\n{}', 1002],
  ["a cancel of a call that never was", '{"cancel":99}\n', 1002],
  ["a long head", `{"call":1,"endpoint":"${"x".repeat(5_000)}"}\n{}`, 1002],
  ["binary", new Uint8Array([0, 255, 1, 2, 3]), 1002],
];
for (const [what, frame, code] of hostile) {
  test(`${what} closes the socket with a reason, and the server lives`, async () => {
    const socket = await open();
    socket.socket.send(frame as string);
    const closed = await socket.closed;
    expect(closed.code).toBe(code);
    expect(closed.reason).not.toBe("");
    await expectAlive();
  });
}

test("a call with a number that was used closes the socket, and those under way end", async () => {
  const socket = await open();
  socket.send({ call: 5, endpoint: "nodes.poll" }, poll(30));
  socket.send({ call: 5, endpoint: "nodes.heartbeat" }, beat);
  expect(await socket.closed).toMatchObject({ code: 1002, reason: "the number of a call must rise" });
  await expectAlive();
});

test("random frames never bring the server down", async () => {
  const parts = [
    '{"call":',
    '"',
    "1",
    "}",
    "\n",
    '"endpoint":"nodes.heartbeat"',
    ",",
    "cancel",
    "é",
    "\u0000",
    beat,
  ];
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  for (let round = 0; round < 100; round++) {
    const text = Array.from({ length: random(12) }, () => parts[random(parts.length)]).join("");
    const socket = await open();
    socket.socket.send(random(4) === 0 ? new TextEncoder().encode(text) : text);
    socket.socket.close();
    await socket.closed;
  }
  await expectAlive();
});

test("bytes that are no frames of a WebSocket never bring the server down", async () => {
  const head = [
    "GET /api/compute/nodes/socket HTTP/1.1",
    `Host: 127.0.0.1:${plane.port}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Protocol: ${CALLS_PROTOCOL}`,
    `X-API-Key: ${node.as.nodeKey}`,
  ];
  for (let round = 0; round < 30; round++) {
    const key = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64");
    using peer = new RawHttp(plane.port, [...head, `Sec-WebSocket-Key: ${key}`]);
    expect(await peer.status()).toBe(101);
    peer.write(Uint8Array.from({ length: 1 + round * 20 }, (_, i) => (round * 11 + i * 37) % 256));
  }
  await expectAlive();
});

test("when the server stops, the waiting calls are answered, and the socket is closed as going away", async () => {
  const socket = await open();
  socket.send({ call: 1, endpoint: "nodes.poll" }, poll(30));
  await waitFor("the poll to reach the server", async () => (await status()) === "SUSPENDED");
  plane.endWaits();
  expect((await socket.answerTo(1)).status).toBe(200);
  expect((await socket.closed).code).toBe(1001);
  expect(await RawSocket.open(plane.api.url, headersOf(node.as))).toBeUndefined();
});

async function expectAlive(): Promise<void> {
  const socket = await open();
  socket.send({ call: 1, endpoint: "nodes.heartbeat" }, beat);
  expect((await socket.answerTo(1)).status).toBe(200);
}

import { afterEach, beforeEach, expect, test } from "bun:test";
import { ComputeClient } from "../../sdk/client.ts";
import { ComputeError, UnreachableError } from "../../sdk/errors.ts";
import { batchOf, runsOf } from "../../shared/line-runs.ts";
import { SocketServer } from "../../tests/support/socket-server.ts";
import { waitFor } from "../../tests/support/wait.ts";
import type { ConnectionMode } from "../profile/agent-file.ts";
import { openSocket } from "./open-socket.ts";
import { ServerLine } from "./server-line.ts";

let server: SocketServer;
let line: ServerLine;
let mode: ConnectionMode;
let awaySince: string | undefined;
let said: string[];
let client: ComputeClient;

const clientOf = (key: string) =>
  new ComputeClient({ url: server.url, credentials: { headers: () => ({ "x-api-key": key }) } }).over(
    line.withHeaders({ "x-api-key": key }),
  );

beforeEach(() => {
  server = new SocketServer();
  mode = "auto";
  awaySince = undefined;
  said = [];
  const say = (message: string) => void said.push(message);
  line = new ServerLine({
    url: server.url,
    open: (headers) => openSocket({ url: server.url }, headers),
    mode: () => mode,
    connection: {
      get awaySince() {
        return awaySince;
      },
    },
    log: { info: say, warn: say, error: say },
  });
  client = clientOf("k");
});
afterEach(async () => {
  line.close();
  await server[Symbol.asyncDispose]();
});

const beat = (timeoutMs?: number, of = client) =>
  of.call("nodes.heartbeat", { executions: [] }, timeoutMs === undefined ? {} : { timeoutMs });
const failure = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

test("all calls go over one socket, which is opened with the key", async () => {
  await Promise.all([beat(), beat(), beat()]);
  await beat();
  expect(server.upgrades.map((headers) => headers.get("x-api-key"))).toEqual(["k"]);
  expect(server.frames.map((head) => head.call)).toEqual([1, 2, 3, 4]);
  expect(server.byHttp).toEqual([]);
  expect(line.inUse).toBe("socket");
});

test("a problem is thrown as the error that HTTP gives, with the pause that the server asks for", async () => {
  server.onFrame = ({ head, send }) =>
    send(
      `{"answer":${head.call},"status":503,"retryAfterSeconds":7}\n{"code":"unavailable","detail":"Later."}`,
    );
  const error = await failure(beat());
  expect(error).toBeInstanceOf(ComputeError);
  expect(error).toMatchObject({ code: "unavailable", message: "Later.", retryAfterSeconds: 7 });
});

test("a call that is aborted is taken back, and its late answer harms nothing", async () => {
  server.onFrame = () => undefined;
  const stop = new AbortController();
  const call = failure(client.call("nodes.heartbeat", { executions: [] }, { signal: stop.signal }));
  await waitFor("the call", () => server.frames.length === 1);
  stop.abort(new Error("enough"));
  expect(await call).toMatchObject({ message: "enough" });
  await waitFor("the cancel", () => server.frames.length === 2);
  expect(server.frames[1]).toEqual({ cancel: 1 });
  for (const socket of server.open) socket.send('{"answer":1,"status":200}\n{}');
  server.onFrame = ({ answer }) => answer();
  await beat();
  expect(server.upgrades).toHaveLength(1);
});

test("a connection over which nothing comes any more is given up with all its calls, and the next call opens another", async () => {
  server.onFrame = () => undefined;
  const others = [failure(beat()), failure(beat())];
  expect(await failure(beat(50))).toBeInstanceOf(UnreachableError);
  for (const error of await Promise.all(others)) {
    expect(error).toBeInstanceOf(UnreachableError);
    expect(String(error)).toContain("nothing came over the connection any more");
  }
  server.onFrame = ({ answer }) => answer();
  awaySince = new Date().toISOString();
  await beat();
  expect(server.upgrades).toHaveLength(2);
});

test("one slow call on a connection that lives is taken back alone", async () => {
  server.onFrame = ({ head, answer }) => {
    if (head.call !== 1) answer();
  };
  const slow = failure(beat(300));
  for (let calls = 0; calls < 10; calls++) await beat();
  expect(await slow).toBeInstanceOf(UnreachableError);
  await beat();
  expect(server.upgrades).toHaveLength(1);
});

test("at most 32 calls are on their way; the others follow as answers come, in order", async () => {
  const answers: (() => void)[] = [];
  server.onFrame = ({ answer }) => void answers.push(answer);
  const calls = Promise.all(Array.from({ length: 100 }, () => beat()));
  await waitFor("calls", () => answers.length === 32);
  // Nothing shows that no other follows, except one that does.
  answers.shift()?.();
  await waitFor("one more", () => server.frames.length === 33);
  server.onFrame = ({ answer }) => answer();
  for (const answer of answers) answer();
  await calls;
  expect(server.frames.map((head) => head.call)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
});

test("a server that knows no WebSocket gets the calls by HTTP, which is said once, and is asked again later", async () => {
  server.refuseWith = 404;
  const until = (what: string, holds: () => boolean) =>
    waitFor(what, async () => {
      await beat();
      return holds();
    });
  await until("a second try", () => server.upgrades.length >= 2);
  await beat();
  expect(said).toEqual([
    "No WebSocket to the server stays open: the request for it was answered with HTTP 404. Calls go by HTTP, and it is tried now and then.",
  ]);
  expect(server.byHttp.length).toBeGreaterThanOrEqual(3);
  expect(line.inUse).toBe("http");
  server.refuseWith = undefined;
  await until("the socket", () => line.inUse === "socket");
  expect(said.slice(1)).toEqual(["Calls to the server go over a WebSocket again."]);
});

test("sockets that die as soon as they are opened, or with the first call, make calls go by HTTP", async () => {
  server.onFrame = ({ close }) => close();
  await waitFor("the second failure", async () => {
    await failure(beat());
    return said.length > 0;
  });
  const before = server.byHttp.length;
  await beat();
  expect(server.byHttp.length).toBe(before + 1);
  expect(said[0]).toContain("it was closed after");
  server.onOpen = (socket) => socket.terminate();
  line.close();
  const next = clientOf("k2");
  for (let calls = 0; calls < 3; calls++) await beat(undefined, next);
  expect(said).toHaveLength(1);
});

test("a socket that the server closes because it stops is opened again at once, and counts as no failure", async () => {
  for (let round = 1; round <= 4; round++) {
    await beat();
    expect(server.upgrades).toHaveLength(round);
    for (const socket of server.open) socket.close(1001, "the server stops");
    await waitFor("the close", () => line.inUse === "http");
  }
  expect(server.byHttp).toEqual([]);
});

test("a key that is refused is no reason to do without a socket", async () => {
  server.refuseWith = 401;
  for (let calls = 0; calls < 4; calls++) await beat();
  // The call by HTTP says what is wrong with the key.
  expect(server.byHttp).toHaveLength(4);
  server.refuseWith = undefined;
  await beat();
  expect(said).toEqual([]);
  expect(line.inUse).toBe("socket");
});

test("with another key, calls under way end on the connection of the one before, which is then closed", async () => {
  const answers: (() => void)[] = [];
  server.onFrame = ({ answer }) => void answers.push(answer);
  const before = beat();
  await waitFor("the call", () => answers.length === 1);
  const next = clientOf("k2");
  const after = beat(undefined, next);
  await waitFor("the second call", () => answers.length === 2);
  expect(server.upgrades.map((headers) => headers.get("x-api-key"))).toEqual(["k", "k2"]);
  for (const answer of answers) answer();
  await Promise.all([before, after]);
  await waitFor("the first connection to be closed", () => server.open.size === 1);
});

test("mode http opens no socket, and closes the one that is open", async () => {
  await beat();
  mode = "http";
  await beat();
  await waitFor("the close", () => server.open.size === 0);
  expect(server.byHttp).toHaveLength(1);
  expect(server.upgrades).toHaveLength(1);
});

test("mode socket makes no call by HTTP, and says why it makes none", async () => {
  mode = "socket";
  server.refuseWith = 403;
  for (let calls = 0; calls < 3; calls++) {
    const error = await failure(beat());
    expect(error).toBeInstanceOf(UnreachableError);
    expect(String(error)).toContain("HTTP 403");
  }
  expect(server.byHttp).toEqual([]);
  server.refuseWith = undefined;
  await beat();
  expect(line.inUse).toBe("socket");
});

test("a call that is larger than a request may be goes by HTTP, which refuses it, and the connection stays", async () => {
  await beat();
  const at = new Date().toISOString();
  const lines = [{ seq: 1, stream: "stdout" as const, at, text: "é".repeat(9 * 1024 * 1024) }];
  await client.call("nodes.logs", { batches: [batchOf("exe_1", runsOf(lines))] }).catch(() => undefined); // Not what is tested.
  expect(server.byHttp).toEqual(["/api/compute/nodes/logs"]);
  await beat();
  expect(server.upgrades).toHaveLength(1);
});

test("an answer of 40 MiB arrives", async () => {
  const long = "x".repeat(40 * 1024 * 1024);
  server.onFrame = ({ answer }) => answer({ long });
  const { long: got } = (await beat()) as unknown as { long: string };
  expect(got.length).toBe(long.length);
});

const hostile: [string, string | Uint8Array][] = [
  ["no head", "hello"],
  ["an empty frame", ""],
  ["a head that is not JSON", "{\n{}"],
  ["a call in place of an answer", '{"call":1,"endpoint":"nodes.poll"}\n{}'],
  ["an answer to a call that never was", '{"answer":99,"status":200}\n{}'],
  ["an answer without a status", '{"answer":1}\n{}'],
  ["binary", new Uint8Array([0, 255, 1])],
];
for (const [what, frame] of hostile) {
  test(`${what} from the server ends the connection, and the call can be repeated`, async () => {
    server.onFrame = ({ send }) => send(frame);
    expect(await failure(beat())).toBeInstanceOf(UnreachableError);
    server.onFrame = ({ answer }) => answer();
    awaySince = new Date().toISOString();
    await beat();
    expect(server.upgrades).toHaveLength(2);
  });
}

test("an answer that is not JSON fails its call alone", async () => {
  server.onFrame = ({ head, send }) => send(`{"answer":${head.call},"status":200}\n<html>`);
  expect(await failure(beat())).toBeInstanceOf(UnreachableError);
  server.onFrame = ({ answer }) => answer();
  await beat();
  expect(server.upgrades).toHaveLength(1);
});

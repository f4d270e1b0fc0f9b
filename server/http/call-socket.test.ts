import { expect, test } from "bun:test";
import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { endpoints } from "../../shared/endpoints/index.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import { AccessWatch } from "./access-watch.ts";
import { Bodies } from "./bodies.ts";
import { CallSocket } from "./call-socket.ts";
import type { HandledRow } from "./carry-out.ts";
import type { Caller } from "./handler.ts";

/** A socket whose other end reads only when the test says so. */
function slowReader(answer: () => Promise<string> = async () => "x".repeat(300_000)) {
  const sent: string[] = [];
  const carriedOut: number[] = [];
  let unreadBytes = 0;
  let closed: string | undefined;
  const peer = {
    send: (text: string) => {
      sent.push(text);
      unreadBytes += text.length;
      return -1;
    },
    getBufferedAmount: () => unreadBytes,
    close: (_: number, reason: string) => (closed = reason),
    terminate: () => (closed = "terminated"),
  };
  const endpoint: Endpoint = endpoints["nodes.heartbeat"];
  const row: HandledRow = {
    id: "nodes.heartbeat",
    endpoint,
    handler: async () => {
      carriedOut.push(carriedOut.length);
      return answer();
    },
  };
  const open = new Set<CallSocket>();
  const parts = {
    authenticate: async () => ({ kind: "node", nodeId: "node_1" }) as Caller,
    stopping: new AbortController().signal,
    access: new AccessWatch(new MemoryBus(), Date.now),
    record: async () => undefined,
    onChanged: () => undefined,
    log: { info: () => undefined, warn: () => undefined, error: console.error },
    rows: new Map([[row.id, row]]),
    bodies: new Bodies(),
  };
  const socket = new CallSocket(parts, { headers: new Headers(), from: undefined, origin: "" }, open);
  socket.opened(peer as never);
  let number = 0;
  return {
    open,
    socket,
    sent,
    carriedOut,
    why: () => closed,
    call: () => socket.received(`{"call":${++number},"endpoint":"nodes.heartbeat"}\n{"executions":[]}`),
    read: () => {
      unreadBytes = 0;
      socket.drained();
    },
    settled: () => new Promise((resolve) => setTimeout(resolve, 5)),
  };
}

test("while the peer leaves its answers unread, its calls are held back, and nothing is lost when it reads", async () => {
  const { call, sent, carriedOut, read, settled, why } = slowReader();
  for (let calls = 0; calls < 20; calls++) {
    call();
    await settled();
  }
  expect(carriedOut.length).toBeLessThan(6);
  while (sent.length < 20) {
    read();
    await settled();
  }
  expect(carriedOut).toHaveLength(20);
  expect(why()).toBeUndefined();
});

test("a socket that is closed holds nothing any more", async () => {
  const { open, socket, call, carriedOut, settled } = slowReader();
  expect(open.size).toBe(1);
  for (let calls = 0; calls < 20; calls++) {
    call();
    await settled();
  }
  socket.closed();
  const before = carriedOut.length;
  socket.drained();
  await settled();
  expect(open.size).toBe(0);
  expect(carriedOut).toHaveLength(before);
});

test("more calls at once than a socket may have are refused one by one, and the others go on", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const { call, sent, carriedOut, settled } = slowReader(() => promise);
  for (let calls = 0; calls < 70; calls++) call();
  await settled();
  expect(carriedOut).toHaveLength(64);
  const refused = sent.map((frame) => JSON.parse(frame.slice(0, frame.indexOf("\n"))));
  expect(refused).toEqual(
    [65, 66, 67, 68, 69, 70].map((number) => ({ answer: number, status: 429, retryAfterSeconds: 1 })),
  );
  resolve("done");
  await settled();
  expect(sent).toHaveLength(70);
});

import { expect, test } from "bun:test";
import { headersOf } from "../support/api.ts";
import { memoryMbOf } from "../support/cpu-time.ts";
import { RawSocket } from "../support/node-sockets.ts";
import { PlayedNode } from "../support/played-node.ts";
import { TestServer } from "../support/server.ts";

const SOCKETS = 4_000;
const AT_ONCE = 200;
const MAX_KIB = 20;
/** The runtime cleans up its memory for a while after the last work. */
const SETTLE_MS = 4_000;

test("an open WebSocket costs the server less than 20 KiB, also after a call", async () => {
  await using server = await TestServer.start();
  const node = await PlayedNode.register(server.api, await server.api.user());
  const open = async (count: number) => {
    const opening = Array.from({ length: count }, () => RawSocket.open(server.url, headersOf(node.as)));
    return (await Promise.all(opening)).map((socket) => {
      if (!socket) throw new Error("the upgrade was refused");
      return socket;
    });
  };
  const beat = async (sockets: RawSocket[]) => {
    for (const [i, socket] of sockets.entries()) {
      socket.send({ call: i + 1, endpoint: "nodes.heartbeat" }, '{"executions":[]}');
    }
    const answers = await Promise.all(sockets.map((socket, i) => socket.answerTo(i + 1)));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  };
  // What the first sockets cost is the code.
  await beat(await open(AT_ONCE));
  await Bun.sleep(SETTLE_MS);
  const before = memoryMbOf([server.pid]);
  for (let opened = 0; opened < SOCKETS; opened += AT_ONCE) await beat(await open(AT_ONCE));
  await Bun.sleep(SETTLE_MS);
  const kib = ((memoryMbOf([server.pid]) - before) * 1_024) / SOCKETS;
  console.info(`${kib.toFixed(1)} KiB for each of ${SOCKETS} sockets`);
  expect(kib).toBeLessThan(MAX_KIB);
});

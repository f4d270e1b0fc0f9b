import { expect, test } from "bun:test";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { openStream } from "./raw-stream.ts";

/** An engine that answers with these pieces, and keeps the connection open unless told to end it. */
async function answering(pieces: string[], ends = false) {
  const server = createServer((socket) => {
    socket.once("data", async () => {
      for (const piece of pieces)
        await new Promise<void>((sent) => socket.write(piece, () => setImmediate(sent)));
      if (ends) socket.end();
    });
    socket.on("error", () => {}); // The client may be gone.
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const open = (signal = new AbortController().signal, timeoutMs = 2_000) =>
    openStream({ url: "tcp://test", host: "127.0.0.1", port }, "/attach", timeoutMs, signal);
  return { open, [Symbol.dispose]: () => void server.close() };
}

test("a stream begins after the head, however that is split, and ends with the connection", async () => {
  for (const agreed of ["101 UPGRADED", "200 OK"]) {
    using engine = await answering(
      [`HTTP/1.1 ${agreed}\r\nConn`, "ection: Upgrade\r\n\r", "\nfirst ", "second"],
      true,
    );
    let text = "";
    for await (const chunk of await engine.open()) text += Buffer.from(chunk);
    expect(text).toBe("first second");
  }
});

test("a refusal is reported in the engine's words, even if it keeps the connection open", async () => {
  using engine = await answering([
    "HTTP/1.1 409 Conflict\r\nContent-Length: 9\r\n\r\n",
    `{"cause":"x","message":"not now"}\n`,
  ]);
  await expect(engine.open()).rejects.toMatchObject({ message: "not now", status: 409 });
});

test("an engine that sends nothing, or not HTTP, is not waited for", async () => {
  using silent = await answering([]);
  await expect(silent.open(undefined, 50)).rejects.toThrow(/did not answer in time/);
  using closing = await answering(["HTTP/1.1 101"], true);
  await expect(closing.open()).rejects.toThrow(/closed the connection/);
  await expect(silent.open(AbortSignal.abort(new Error("not wanted")))).rejects.toThrow("not wanted");
});

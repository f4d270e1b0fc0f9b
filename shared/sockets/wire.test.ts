import { afterEach, describe, expect, test } from "bun:test";
import type { UnixSocketListener } from "bun";
import { forAllTests } from "../../tests/support/for-all-tests.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { Wire } from "./wire.ts";

type Message = { text: string };
type TestWire = Wire<Message, Message>;

const scratch = forAllTests(await makeScratch());
let listener: UnixSocketListener<TestWire> | undefined;
afterEach(() => listener?.stop(true));

/** A wire to a listener that collects messages in `heard`. */
async function connect(
  heard: (message: Message) => void,
): Promise<{ wire: TestWire; closed: Promise<void> }> {
  const closed = Promise.withResolvers<void>();
  const path = scratch.join(crypto.randomUUID());
  listener = Bun.listen<TestWire>({
    unix: path,
    socket: {
      open: (socket) => {
        socket.data = new Wire(socket, heard);
      },
      data: (socket, bytes) => socket.data.onData(bytes),
      close: () => closed.resolve(),
    },
  });
  const socket = await Bun.connect<TestWire>({
    unix: path,
    socket: {
      open: (socket) => {
        socket.data = new Wire(socket, () => {});
      },
      data: () => {},
      drain: (socket) => socket.data.onDrain(),
      close: (socket) => socket.data.onClosed(),
    },
  });
  return { wire: socket.data, closed: closed.promise };
}

describe("a wire", () => {
  test("carries messages whole and in order, even if larger than the socket's buffer", async () => {
    const heard: number[] = [];
    const { wire, closed } = await connect((message) => heard.push(message.text.length));
    const lengths = [0, 5_000_000, 1, 3_000_000, 2];
    for (const length of lengths) wire.send({ text: "é".repeat(length) });
    await wire.end();
    await closed;
    expect(heard).toEqual(lengths);
  });

  test("keeps the order of messages that are sent while the socket has no room", async () => {
    const heard: string[] = [];
    const { wire, closed } = await connect((message) => heard.push(message.text.slice(0, 2)));
    const texts = ["a:", "b:", "c:", "d:"];
    for (const text of texts) {
      wire.send({ text: text + "x".repeat(2_000_000) });
      // Each is flushed on its own, before the socket has drained.
      await Promise.resolve();
    }
    await wire.end();
    await closed;
    expect(heard).toEqual(texts);
  });

  test("joins messages that arrive in pieces, even cut inside a character", () => {
    const heard: string[] = [];
    const wire: TestWire = new Wire(undefined as never, (message) => heard.push(message.text));
    const bytes = Buffer.from('{"text":"grün"}\n{"text":"b"}\n{"text":"c"}\n');
    for (const byte of bytes) wire.onData(Uint8Array.of(byte));
    wire.onData(bytes);
    expect(heard).toEqual(["grün", "b", "c", "grün", "b", "c"]);
  });

  test("refuses a message that is not JSON", () => {
    const wire: TestWire = new Wire(undefined as never, () => {});
    expect(() => wire.onData(Buffer.from("GET / HTTP/1.1\r\n"))).toThrow(SyntaxError);
  });

  test("ends when the other side is gone, even with unread data", async () => {
    const { wire } = await connect(() => listener?.stop(true));
    wire.send({ text: "first" });
    wire.send({ text: "x".repeat(20_000_000) });
    await wire.end();
  });
});

import { expect, test } from "bun:test";
import { FrameReader } from "./frames.ts";

function frame(stream: number, text: string): Uint8Array {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

function readAll(chunks: Iterable<Uint8Array>): { stdout: string; stderr: string } {
  const reader = new FrameReader();
  const text = { stdout: "", stderr: "" };
  for (const chunk of chunks) {
    for (const { stream, bytes } of reader.push(chunk)) text[stream] += Buffer.from(bytes).toString("latin1");
  }
  return text;
}

const whole = Buffer.concat([frame(1, "out 1\n"), frame(2, "err\n"), frame(1, ""), frame(1, "out 2\n")]);

test("the streams are separated, wherever the frames are split", () => {
  for (let size = 1; size <= whole.length; size++) {
    const chunks = [];
    for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
    expect(readAll(chunks)).toEqual({ stdout: "out 1\nout 2\n", stderr: "err\n" });
  }
});

test("the beginning of a frame is passed on before its end has arrived", () => {
  const reader = new FrameReader();
  expect(reader.push(frame(1, "0123456789").subarray(0, 12))).toEqual([
    { stream: "stdout", bytes: new Uint8Array(Buffer.from("0123")) as never },
  ]);
});

test("the engine's own errors in a stream are not lost", () => {
  expect(readAll([frame(3, "broken\n")]).stderr).toBe("broken\n");
});

test("a stream without frames is refused", () => {
  expect(() => readAll([Buffer.from("hello, this is plain text")])).toThrow(/not in frames/);
});

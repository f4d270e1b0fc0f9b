import { expect, test } from "bun:test";
import { Bodies } from "./bodies.ts";

const MIB = 1024 * 1024;
const known = { owner: "usr_1", maxBytes: 16 * MIB };

/** A request whose body the test controls. */
function requestOf(body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>): Request {
  return new Request("http://x/", { method: "POST", body });
}

const endless = () => new ReadableStream<Uint8Array>({ pull: () => new Promise<void>(() => undefined) });
const full = (bytes: number) => requestOf(new Uint8Array(bytes));

test("a body that stops coming is given up after a time limit; one that keeps coming is not", async () => {
  const bodies = new Bodies({ known: 50, unknown: 50 });
  await expect(bodies.read(requestOf(endless()), known)).rejects.toThrow("too slowly");
  await expect(bodies.read(requestOf(endless()), { ...known, owner: undefined })).rejects.toThrow(
    "too slowly",
  );
  let sent = 0;
  const steady = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (++sent > 20) return controller.close();
      await Bun.sleep(10); // All chunks together take longer than the initial time limit.
      controller.enqueue(new Uint8Array(64 * 1024));
    },
  });
  using body = await bodies.read(requestOf(steady), known);
  expect(body.bytes).toHaveLength(20 * 64 * 1024);
});

test("the bytes held for one caller are bounded, and freed when the request is done", async () => {
  const bodies = new Bodies();
  const held = await Promise.all([1, 2, 3, 4].map(() => bodies.read(full(16 * MIB), known)));
  await expect(bodies.read(full(MIB), known)).rejects.toThrow("Too many large requests");
  using other = await bodies.read(full(MIB), { ...known, owner: "usr_2" });
  expect(other.bytes).toHaveLength(MIB);
  for (const one of held) one[Symbol.dispose]();
  using again = await bodies.read(full(16 * MIB), known);
  expect(again.bytes).toHaveLength(16 * MIB);
});

test("the bytes held for all callers together are bounded too", async () => {
  const bodies = new Bodies();
  const read = (owner: number) => bodies.read(full(16 * MIB), { ...known, owner: `usr_${owner % 8}` });
  const held = [];
  for (let i = 0; i < 16; i++) held.push(await read(i));
  await expect(bodies.read(full(MIB), { ...known, owner: "usr_new" })).rejects.toThrow(
    "Too many large requests",
  );
  for (const one of held) one[Symbol.dispose]();
});

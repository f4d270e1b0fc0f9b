import { expect, test } from "bun:test";
import { ComputeError } from "../../shared/errors.ts";
import { playedServers } from "../../tests/support/played-server.ts";
import { RawHttp } from "../../tests/support/raw-http.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { ByteBodies, type OutgoingBytes } from "./byte-bodies.ts";
import { problemResponse } from "./problem.ts";

const { serve } = playedServers();
const CHUNK = new Uint8Array(256 * 1024);

interface Seen {
  bytes: number;
  error?: unknown;
  ended: number;
}

/** A server that reads bodies, or gives what a test wants to give. */
function play(bodies: ByteBodies, give?: () => OutgoingBytes) {
  const seen: Seen = { bytes: 0, ended: 0 };
  const stopping = new AbortController();
  const url = serve(async (request) => {
    const signal = AbortSignal.any([request.signal, stopping.signal]);
    const parts = { owner: "anna", signal };
    try {
      if (give) {
        const onError = (error: unknown) => {
          seen.error = error;
        };
        return await bodies.response(give(), "text/plain", { ...parts, method: request.method, onError });
      }
      for await (const chunk of bodies.incoming(request, { ...parts, maxBytes: 1_000_000 }))
        seen.bytes += chunk.length;
      return new Response(String(seen.bytes));
    } catch (error) {
      seen.error = error;
      return problemResponse(error, "1");
    } finally {
      seen.ended++;
    }
  });
  return { seen, url, port: Number(new URL(url).port), stop: () => stopping.abort() };
}

const post = (port: number, ...headers: string[]) =>
  new RawHttp(port, ["POST / HTTP/1.1", `Host: 127.0.0.1:${port}`, ...headers]);

const codeOf = (error: unknown) => (error instanceof ComputeError ? error.code : error);

test("a client that sends too slowly is given up; the time that the server takes does not count", async () => {
  const { seen, port, url } = play(new ByteBodies({ patienceMs: 100, unreadMs: 1_000 }));
  using slow = post(port, "Content-Length: 1000");
  slow.write("x");
  expect(await slow.status()).toBe(408);
  expect(seen.bytes).toBe(1);
  expect(codeOf(seen.error)).toBe("request_timeout");
  // Every byte gives it back some time: this takes longer than 100 ms in all.
  using steady = post(port, "Content-Length: 8000");
  for (let i = 0; i < 8; i++) {
    steady.write("x".repeat(1_000));
    await Bun.sleep(20);
  }
  expect(await steady.status()).toBe(200);
  expect((await fetch(url, { method: "POST", body: "x" })).status).toBe(200);
});

test("an upload ends when the server stops, and when its client goes", async () => {
  const stopped = play(new ByteBodies());
  using client = post(stopped.port, "Content-Length: 1000");
  client.write("x");
  await waitFor("a byte", () => stopped.seen.bytes === 1);
  stopped.stop();
  expect(await client.status()).toBe(503);
  const gone = play(new ByteBodies());
  const other = post(gone.port, "Content-Length: 1000");
  other.write("x");
  await waitFor("a byte", () => gone.seen.bytes === 1);
  other[Symbol.dispose]();
  await waitFor("the end", () => gone.seen.ended === 1);
  // It is the client's doing, so the server logs no failure.
  expect(codeOf(gone.seen.error)).toBe("invalid_request");
});

test("a long answer is read only as fast as its client reads, and ends with it", async () => {
  let [given, ended] = [0, 0];
  const give = () => ({
    bytes: 1_000 * CHUNK.length,
    chunks: (async function* () {
      try {
        for (; given < 1_000; given++) yield CHUNK;
      } finally {
        ended++;
      }
    })(),
  });
  const { url } = play(new ByteBodies(), give);
  const abort = new AbortController();
  const reader = (await fetch(url, { signal: abort.signal })).body?.getReader();
  await reader?.read();
  expect(given).toBeLessThan(200);
  abort.abort();
  await waitFor("the source to end", () => ended === 1);
});

test("a client that reads nothing any more is given up", async () => {
  let ended = 0;
  const give = () => ({
    bytes: 1_000 * CHUNK.length,
    chunks: (async function* () {
      try {
        for (;;) yield CHUNK;
      } finally {
        ended++;
      }
    })(),
  });
  const { url } = play(new ByteBodies({ patienceMs: 1_000, unreadMs: 100 }), give);
  const reader = (await fetch(url)).body?.getReader();
  await reader?.read();
  await waitFor("the source to end", () => ended === 1);
});

test("an answer that ends when the server stops, or that fails, breaks off and does not look whole", async () => {
  const endless = () => ({
    bytes: 1_000 * CHUNK.length,
    chunks: (async function* () {
      for (;;) yield CHUNK;
    })(),
  });
  const stopped = play(new ByteBodies(), endless);
  const answer = await fetch(stopped.url);
  stopped.stop();
  expect(await answer.bytes().catch(() => "broken")).toBe("broken");
  const failure = new Error("the disk failed");
  const failing = play(new ByteBodies(), () => ({
    bytes: 2 * CHUNK.length,
    chunks: (async function* () {
      yield CHUNK;
      throw failure;
    })(),
  }));
  expect(await (await fetch(failing.url)).bytes().catch(() => "broken")).toBe("broken");
  expect(failing.seen.error).toBe(failure);
});

test("a short answer has a Content-Length, and one that fails is a problem", async () => {
  const short = (content: AsyncGenerator<Uint8Array>) => () => ({ bytes: 5, chunks: content });
  const good = play(
    new ByteBodies(),
    short(
      (async function* () {
        yield Buffer.from("he");
        yield Buffer.from("llo");
      })(),
    ),
  );
  const answer = await fetch(good.url);
  expect(answer.headers.get("content-length")).toBe("5");
  expect(await answer.text()).toBe("hello");
  const lost = play(
    new ByteBodies(),
    short(
      (async function* (): AsyncGenerator<Uint8Array> {
        yield Buffer.from("he");
        throw new ComputeError("storage_failed", "lost");
      })(),
    ),
  );
  expect((await fetch(lost.url)).status).toBe(503);
});

test("a source may use the memory of a chunk again once it is asked for the next", async () => {
  for (const [count, size] of [
    [5, 100],
    [200, CHUNK.length],
  ] as const) {
    const memory = new Uint8Array(size);
    const give = () => ({
      bytes: count * size,
      chunks: (async function* () {
        for (let i = 0; i < count; i++) yield memory.fill(i);
      })(),
    });
    const { url } = play(new ByteBodies(), give);
    const reader = (await fetch(url)).body?.getReader();
    const hash = new Bun.CryptoHasher("sha256");
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      hash.update(next.value);
      // The connection fills up, and has to keep what is not sent.
      await new Promise(setImmediate);
    }
    const wanted = new Bun.CryptoHasher("sha256");
    for (let i = 0; i < count; i++) wanted.update(new Uint8Array(size).fill(i));
    expect(hash.digest("hex")).toBe(wanted.digest("hex"));
  }
});

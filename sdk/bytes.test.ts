import { expect, test } from "bun:test";
import { PACK_TYPE } from "../shared/files/pack.ts";
import { playedServers } from "../tests/support/played-server.ts";
import type { BytesToSend } from "./bytes.ts";
import { ComputeClient } from "./client.ts";
import { UnreachableError } from "./errors.ts";

const { serve } = playedServers();
const CHUNK = new Uint8Array(64 * 1024).fill(7);

/** So many chunks; counts how many were taken. */
function chunks(count: number): BytesToSend & { taken: number } {
  return {
    taken: 0,
    bytes: count * CHUNK.length,
    *chunks() {
      for (let i = 0; i < count; i++) {
        this.taken++;
        yield CHUNK;
      }
    },
  };
}

function refusal(status: number, code: string): Response {
  const body = JSON.stringify({ type: "about:blank", title: "title", status, code, detail: "why" });
  return new Response(body, { status, headers: { "content-type": "application/problem+json" } });
}

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable("the call should fail"),
    (error: unknown) => error,
  );
}

const received = (client: ComputeClient, options?: object) =>
  Array.fromAsync(client.receiveBytes("artifacts.read-blobs", { digests: [] }, options));

/** An answer of these chunks. */
function answer(source: () => AsyncGenerator<Uint8Array>): Response {
  const iterator = source();
  const stream = new ReadableStream({
    async pull(controller) {
      const next = await iterator.next();
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
  });
  return new Response(stream, { headers: { "content-type": PACK_TYPE } });
}

test("bytes are sent with their length and type, and counted on their way", async () => {
  const url = serve(async (request) => {
    const { length } = await request.bytes();
    const [type, announced] = ["content-type", "content-length"].map((name) => request.headers.get(name));
    return Response.json({ stored: length, type, announced });
  });
  let sent = 0;
  const source = chunks(100);
  const onSent = (bytes: number) => {
    sent += bytes;
  };
  const output: unknown = await new ComputeClient({ url }).sendBytes("artifacts.upload-blobs", {}, source, {
    onSent,
  });
  expect(output).toEqual({ stored: source.bytes, type: PACK_TYPE, announced: String(source.bytes) });
  expect(sent).toBe(source.bytes);
});

test("after an expired token the bytes are sent once more, from the beginning", async () => {
  let token = "old";
  const credentials = {
    headers: () => ({ authorization: token }),
    renew: async () => {
      token = "new";
      return true;
    },
  };
  const url = serve(async (request) => {
    if (request.headers.get("authorization") === "old") return refusal(401, "token_expired");
    return Response.json({ stored: (await request.bytes()).length });
  });
  const source = chunks(50);
  const client = new ComputeClient({ url, credentials });
  expect(await client.sendBytes("artifacts.upload-blobs", {}, source)).toEqual({ stored: source.bytes });
});

test("a refusal that comes before the end of the bytes is thrown, and the rest is not sent", async () => {
  const url = serve(() => refusal(403, "quota_exceeded"));
  const source = chunks(1_500);
  const error = await failure(new ComputeClient({ url }).sendBytes("artifacts.upload-blobs", {}, source));
  expect(error).toMatchObject({ code: "quota_exceeded", message: "why" });
  expect(source.taken).toBeLessThan(1_000);
});

test("an error of the source is thrown as it is", async () => {
  const url = serve(async (request) => Response.json({ stored: (await request.bytes()).length }));
  const broken = new Error("the file has vanished");
  const source = {
    bytes: 2 * CHUNK.length,
    async *chunks() {
      yield CHUNK;
      throw broken;
    },
  };
  expect(await failure(new ComputeClient({ url }).sendBytes("artifacts.upload-blobs", {}, source))).toBe(
    broken,
  );
});

test("sending may take long as long as bytes move; a server that takes none is given up", async () => {
  const slow = serve(async (request) => {
    let bytes = 0;
    for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      await Bun.sleep(5);
    }
    return Response.json({ stored: bytes });
  });
  const source = {
    bytes: 20 * CHUNK.length,
    async *chunks() {
      for (let i = 0; i < 20; i++) {
        await Bun.sleep(20);
        yield CHUNK;
      }
    },
  };
  const client = new ComputeClient({ url: slow });
  const options = { silenceMs: 300 };
  expect(await client.sendBytes("artifacts.upload-blobs", {}, source, options)).toEqual({
    stored: source.bytes,
  });
  const silent = new ComputeClient({ url: serve(() => new Promise<Response>(() => undefined)) });
  const error = await failure(silent.sendBytes("artifacts.upload-blobs", {}, chunks(1_500), options));
  expect(error).toBeInstanceOf(UnreachableError);
  expect((error as Error).message).toContain("no answer within 0.3 s");
});

test("an aborted transfer throws the signal's reason", async () => {
  const reason = new Error("the person pressed Ctrl-C");
  const abort = new AbortController();
  const client = new ComputeClient({
    url: serve(() => {
      abort.abort(reason);
      return new Promise<Response>(() => undefined);
    }),
  });
  const { signal } = abort;
  expect(await failure(client.sendBytes("artifacts.upload-blobs", {}, chunks(1_500), { signal }))).toBe(
    reason,
  );
  expect(await failure(received(client, { signal }))).toBe(reason);
});

test("bytes arrive as they were sent, and only the server's silence counts", async () => {
  const url = serve(() =>
    answer(async function* () {
      for (let i = 0; i < 20; i++) {
        await Bun.sleep(20);
        yield CHUNK;
      }
    }),
  );
  let bytes = 0;
  const client = new ComputeClient({ url });
  const options = { silenceMs: 200 };
  for await (const chunk of client.receiveBytes("artifacts.read-blobs", { digests: [] }, options)) {
    if (bytes === 0) await Bun.sleep(300);
    bytes += chunk.length;
  }
  expect(bytes).toBe(20 * CHUNK.length);
  const silent = serve(() =>
    answer(async function* () {
      yield CHUNK;
      await new Promise(() => undefined);
    }),
  );
  const error = await failure(received(new ComputeClient({ url: silent }), options));
  expect(error).toBeInstanceOf(UnreachableError);
});

test("bytes that break off, and an answer of another type, are errors", async () => {
  const broken = serve(() =>
    answer(async function* () {
      yield CHUNK;
      throw new Error("the disk failed");
    }),
  );
  expect(await failure(received(new ComputeClient({ url: broken })))).toBeInstanceOf(UnreachableError);
  const other = serve(() => new Response("<html>"));
  expect(await failure(received(new ComputeClient({ url: other })))).toBeInstanceOf(UnreachableError);
  const refused = serve(() => refusal(404, "not_found"));
  expect(await failure(received(new ComputeClient({ url: refused })))).toMatchObject({ code: "not_found" });
});

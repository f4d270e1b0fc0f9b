import { expect, test } from "bun:test";
import { fileLimits } from "../../shared/files/file-limits.ts";
import { packHeader } from "../../shared/files/pack.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import { type As, headersOf, readProblem } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";
import { RawHttp } from "../support/raw-http.ts";
import { packOf, sendPack } from "../support/sent-files.ts";
import { waitFor } from "../support/wait.ts";

const plane = forAllTests(await TestPlane.start());
const { api } = plane;
const user: As = await api.user();
const ONE = "a".repeat(64);

/** What is left of uploads: objects and packs of the index. */
async function left(): Promise<unknown[]> {
  const objects = await plane.blobs.list(undefined, 100);
  const packs = await plane.stores.artifacts.scanPacks(undefined, 100);
  return [...objects.map(({ key }) => key), ...packs.map(({ key }) => key)];
}

function rawPack(headers: string[], path = "artifacts/blobs"): RawHttp {
  const auth = Object.entries(headersOf(user)).map(([name, value]) => `${name}: ${value}`);
  const host = `Host: 127.0.0.1:${plane.port}`;
  return new RawHttp(plane.port, [`POST /api/compute/${path} HTTP/1.1`, host, ...auth, ...headers]);
}

/** An HTTP chunk. */
const chunk = (bytes: Uint8Array) =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);

test("a pack that is not as agreed is refused with the reason, and nothing of it stays", async () => {
  const good = packOf("good");
  const wrongDigest = Buffer.concat([good, packHeader(ONE, 3), Buffer.from("abc")]);
  const bomb = packHeader(ONE, 0);
  bomb.fill(0xff, 32);
  const many = packOf(...Array.from({ length: fileLimits.maxBlobsPerRequest + 1 }, (_, i) => String(i)));
  const cases: [Uint8Array<ArrayBuffer>, string][] = [
    [good.subarray(0, -1), "ends in the middle of a blob"],
    [Buffer.concat([good, good.subarray(0, 20)]), "ends in the middle of a blob"],
    [wrongDigest, `blob ${ONE} has the digest ${sha256Of(Buffer.from("abc"))}`],
    [Buffer.from(packHeader(ONE, fileLimits.partBytes + 1)), "a blob of 4194305 bytes"],
    [Buffer.from(packHeader(ONE, 0)), "a blob of 0 bytes"],
    [Buffer.from(bomb), "it must have 1 to 4194304"],
    [Buffer.from("this is not a pack, but a text of more than forty bytes"), "a blob of"],
    [many, "more than 4096 blobs"],
    [Buffer.alloc(0), "it is empty"],
  ];
  for (const [pack, why] of cases) {
    const { code, detail } = await readProblem(await api.send("artifacts.upload-blobs", pack, user));
    expect(code).toBe("invalid_request");
    expect(detail).toContain(why);
    expect(detail).toContain("Nothing of it was stored");
  }
  expect(await left()).toEqual([]);
});

test("a pack that is too large is refused: before its first byte if it says so, else at the first byte too many", async () => {
  using announced = rawPack([`Content-Length: ${fileLimits.maxPackBytes + 1}`]);
  expect(await announced.status()).toBe(413);
  expect(await announced.whole()).toContain("payload_too_large");
  using silent = rawPack(["Transfer-Encoding: chunked"]);
  const blob = packOf(new Uint8Array(fileLimits.partBytes - 40));
  for (let i = 0; i < 5; i++) silent.write(chunk(blob));
  expect(await silent.status()).toBe(413);
  expect(await left()).toEqual([]);
});

test("nobody's pack is read before the caller is known", async () => {
  const host = `Host: 127.0.0.1:${plane.port}`;
  using unknown = new RawHttp(plane.port, [
    "POST /api/compute/artifacts/blobs HTTP/1.1",
    host,
    "Content-Length: 9000000",
  ]);
  expect(await unknown.status()).toBe(401);
  expect(await left()).toEqual([]);
});

test("a compressed pack is refused, because its digests would be those of something else", async () => {
  const pack = Bun.gzipSync(packOf("good"));
  const answer = await api.send("artifacts.upload-blobs", pack, user, { "content-encoding": "gzip" });
  expect((await readProblem(answer)).code).toBe("unsupported_media_type");
});

test("a client that goes in the middle of a pack leaves nothing behind", async () => {
  const pack = packOf("first", new Uint8Array(1_000_000));
  for (const headers of [[`Content-Length: ${pack.length}`], ["Transfer-Encoding: chunked"]]) {
    const client = rawPack(headers);
    client.write(
      headers[0]?.startsWith("Transfer") ? chunk(pack.subarray(0, 500_000)) : pack.subarray(0, 500_000),
    );
    await waitFor("the pack to be begun", async () => (await left()).length > 0);
    client[Symbol.dispose]();
    await waitFor("nothing to be left", async () => (await left()).length === 0);
  }
});

test("the same packs from many clients at once are all accepted, and every blob is kept once", async () => {
  const pack = packOf(...Array.from({ length: 100 }, (_, i) => `same ${i}`));
  expect(await Promise.all(Array.from({ length: 8 }, () => sendPack(api, user, pack)))).toEqual(
    Array.from({ length: 8 }, () => 100),
  );
  const packs = await plane.stores.artifacts.scanPacks(undefined, 100);
  expect(packs.reduce((sum, { blobs }) => sum + blobs, 0)).toBe(100);
});

test("one client cannot keep too many uploads open, and others are not held up", async () => {
  const open = Array.from({ length: 20 }, () => {
    const client = rawPack(["Transfer-Encoding: chunked"]);
    client.write(chunk(packOf("waiting").subarray(0, 10)));
    return client;
  });
  try {
    const refused = await Promise.race(open.map(async (one) => ({ status: await one.status(), one })));
    expect(refused.status).toBe(429);
    expect(await sendPack(api, await api.user("other", "bert"), packOf("other"))).toBe(1);
  } finally {
    for (const one of open) one[Symbol.dispose]();
  }
});

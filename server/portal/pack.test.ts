import { expect, test } from "bun:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { packPortal, portalFileOf, unpackPortal } from "./pack.ts";

const text = new TextEncoder().encode("const repeated = 1;\n".repeat(200));

test("a pack gives back every file, with bodies that a browser can read", () => {
  const tiny = new Uint8Array([1, 2, 3]);
  const files = new Map([
    ["/", portalFileOf("text/html; charset=utf-8", text, false)],
    ["/portal/assets/a.bin", portalFileOf("application/octet-stream", tiny, true)],
  ]);
  const read = unpackPortal(packPortal(files));
  expect([...read.keys()]).toEqual([...files.keys()]);
  const page = read.get("/");
  expect(page).toMatchObject({ type: "text/html; charset=utf-8", isImmutable: false });
  for (const body of [
    page?.identity,
    page?.gzip && gunzipSync(page.gzip),
    page?.br && brotliDecompressSync(page.br),
  ]) {
    expect(new TextDecoder().decode(body)).toBe(new TextDecoder().decode(text));
  }
  const small = read.get("/portal/assets/a.bin");
  expect([small?.identity, small?.gzip, small?.br]).toEqual([tiny, undefined, undefined]);
});

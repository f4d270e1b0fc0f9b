import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { makeScratch } from "../../tests/support/scratch.ts";
import { OwnCertificate } from "./certificate-source.ts";
import { tlsKey } from "./tls-key.ts";

const DAY_MS = 24 * 3_600_000;
const keyOf = (byte: number) => tlsKey({ secret: async () => new Uint8Array(32).fill(byte) });
const NAMES = ["tanvrit-compute", "compute.example.org", "192.0.2.7", "::1"];

test("the certificate names every address, its key signed it, and no browser finds it valid for too long", async () => {
  await using scratch = await makeScratch();
  const now = Date.now();
  const source = new OwnCertificate({ dataDir: scratch.path, key: await keyOf(1), names: NAMES });
  const { chain } = await source.read(now);
  const certificate = new X509Certificate(chain);
  for (const name of NAMES) expect(certificate.checkHost(name) ?? certificate.checkIP(name)).toBe(name);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  const days = (certificate.validToDate.getTime() - certificate.validFromDate.getTime()) / DAY_MS;
  expect(days).toBeLessThan(398);
});

test("a restart keeps the certificate; a month before it expires there is a new one with the same key", async () => {
  await using scratch = await makeScratch();
  const now = Date.now();
  const open = async () => new OwnCertificate({ dataDir: scratch.path, key: await keyOf(1), names: NAMES });
  const first = await (await open()).read(now);
  const again = await (await open()).read(now + DAY_MS);
  expect(again.chain).toBe(first.chain);
  const renewed = await (await open()).read(first.validUntilMs - 29 * DAY_MS);
  expect(renewed.chain).not.toBe(first.chain);
  expect(renewed.validUntilMs).toBeGreaterThan(first.validUntilMs + 300 * DAY_MS);
  expect(renewed.pin.fingerprint).toBe(first.pin.fingerprint);
});

test("servers of one store have the same key; another store, a new name or a damaged file make a new certificate", async () => {
  await using one = await makeScratch();
  await using two = await makeScratch();
  const now = Date.now();
  const read = async (dataDir: string, byte: number, names = NAMES) =>
    new OwnCertificate({ dataDir, key: await keyOf(byte), names }).read(now);
  const here = await read(one.path, 1);
  expect((await read(two.path, 1)).pin.fingerprint).toBe(here.pin.fingerprint);
  expect((await read(two.path, 2)).pin.fingerprint).not.toBe(here.pin.fingerprint);
  const named = await read(one.path, 1, [...NAMES, "new.example.org"]);
  expect(new X509Certificate(named.chain).checkHost("new.example.org")).toBe("new.example.org");
  const file = one.join("tls-certificate.pem");
  await writeFile(file, "not a certificate");
  const mended = await read(one.path, 1);
  expect(await readFile(file, "utf8")).toBe(mended.chain);
});

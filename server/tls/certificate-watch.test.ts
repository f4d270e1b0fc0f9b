import { expect, test } from "bun:test";
import { rename, symlink, writeFile } from "node:fs/promises";
import { newTlsKey, selfSigned } from "../../tests/support/certificates.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { waitFor } from "../../tests/support/wait.ts";
import type { TlsKeys } from "../http/listener.ts";
import type { Certificate } from "./certificate.ts";
import { CertificateFiles } from "./certificate-source.ts";
import { watchCertificate } from "./certificate-watch.ts";

const DAY_MS = 24 * 3_600_000;

async function watched(nowMs = Date.now()) {
  const scratch = await makeScratch();
  const files = { cert: scratch.join("cert.pem"), key: scratch.join("key.pem") };
  const write = async ({ cert, key }: TlsKeys) => {
    await writeFile(files.cert, cert);
    await writeFile(files.key, key);
  };
  await write(await selfSigned());
  const source = new CertificateFiles(files);
  const current = await source.read();
  const served: Certificate[] = [];
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  const stop = new AbortController();
  let reads = 0;
  const counted = {
    everyMs: 5,
    read: async () => {
      reads++;
      return source.read();
    },
  };
  const ended = watchCertificate({
    source: counted,
    current,
    onNew: async (certificate) => void served.push(certificate),
    now: () => nowMs,
    log: { info: note, warn: note, error: note },
    signal: stop.signal,
  });
  const someReads = async () => {
    const from = reads;
    await waitFor("more reads", () => reads > from + 3);
  };
  return {
    scratch,
    files,
    write,
    served,
    lines,
    someReads,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
      await scratch[Symbol.asyncDispose]();
    },
  };
}

test("a new pair of files is served, once; unchanged files change nothing", async () => {
  await using all = await watched();
  await all.someReads();
  expect(all.served).toHaveLength(0);
  const fresh = await selfSigned();
  await all.write(fresh);
  await waitFor("the new certificate", () => all.served.length > 0);
  await all.someReads();
  expect(all.served.map(({ chain }) => chain)).toEqual([fresh.cert]);
});

test("a link that is moved to another directory counts as a change, as with certbot and Kubernetes", async () => {
  await using all = await watched();
  const fresh = await selfSigned();
  const paths = { cert: all.scratch.join("new-cert.pem"), key: all.scratch.join("new-key.pem") };
  await writeFile(paths.cert, fresh.cert);
  await writeFile(paths.key, fresh.key);
  for (const name of ["cert", "key"] as const) {
    await symlink(paths[name], all.scratch.join("link"));
    await rename(all.scratch.join("link"), all.files[name]);
  }
  await waitFor("the new certificate", () => all.served.length > 0);
});

test("a broken pair is reported once and names the file, and the certificate before stays", async () => {
  await using all = await watched();
  const other = await selfSigned();
  await writeFile(all.files.key, other.key);
  await waitFor("the report", () => all.lines.length > 0);
  await all.someReads();
  expect(all.lines).toHaveLength(1);
  expect(all.lines[0]).toContain("key.pem is not the one of the first certificate in");
  await writeFile(all.files.cert, "");
  await waitFor("the next report", () => all.lines.length > 1);
  expect(all.lines[1]).toContain("cert.pem holds no certificate");
  expect(all.served).toEqual([]);
  await all.write(other);
  await waitFor("the new certificate", () => all.served.length > 0);
});

test("a certificate that expires within a week is reported once", async () => {
  await using all = await watched(Date.now() + 386 * DAY_MS);
  await all.someReads();
  expect(all.lines).toHaveLength(1);
  expect(all.lines[0]).toMatch(/expires on \d{4}-\d\d-\d\d/);
});

test("a key with a password is refused with what to do", async () => {
  await using scratch = await makeScratch();
  const key = newTlsKey();
  const { cert } = await selfSigned(key);
  const locked = key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" });
  const files = { cert: scratch.join("c"), key: scratch.join("k") };
  await writeFile(files.cert, cert);
  await writeFile(files.key, locked);
  await expect(new CertificateFiles(files).read()).rejects.toThrow("protected by a password");
});

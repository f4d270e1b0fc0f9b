import { expect, test } from "bun:test";
import { fileLimits } from "../../shared/files/file-limits.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import { type As, readProblem } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";
import { RawHttp } from "../support/raw-http.ts";
import { makeScratch } from "../support/scratch.ts";
import { sendArtifact } from "../support/sent-files.ts";
import { waitFor } from "../support/wait.ts";

const CURL_MS = 30_000;

const plane = forAllTests(await TestPlane.start());
const { api } = plane;
const user: As = await api.user();

const newJob = async (inputs?: { from: string }[]) =>
  (await api.call("jobs.submit", { command: "true", labels: { never: "there" }, inputs }, user)).jobId;

const upload = async (
  size: number,
  more: { name?: string; sha256?: string; expiresInSeconds?: number } = {},
) => api.call("artifacts.presign-upload", { jobId: await newJob(), name: "file.bin", size, ...more }, user);

const put = (url: string | URL, body: BodyInit, headers: Record<string, string> = {}) =>
  fetch(url, { method: "PUT", body, headers });

/** The job, artifact and link of a file that is ready to be read. */
async function readable(files: Record<string, string | Uint8Array>, path: string, expiresInSeconds?: number) {
  const { artifactId } = await sendArtifact(api, user, files, { kind: "input", name: crypto.randomUUID() });
  const jobId = await newJob([{ from: `artifact:${artifactId}` }]);
  const input = { jobId, artifactId, path, expiresInSeconds };
  return { jobId, artifactId, ...(await api.call("artifacts.presign-download", input, user)) };
}

async function refused(response: Response | Promise<Response>) {
  const { code, detail, status } = await readProblem(await response);
  return { code, detail, status };
}

test("a link that was changed in any way is refused, and says so", async () => {
  const up = new URL((await upload(5, { sha256: sha256Of(Buffer.from("hello")) })).url);
  const down = new URL((await readable({ "a.txt": "alpha" }, "a.txt")).url);
  const change = (url: URL, name: string, value: string) => {
    const changed = new URL(url);
    changed.searchParams.set(name, value);
    return changed;
  };
  const [jobId, artifactId] = ["job_00000000000000000000000000", "art_00000000000000000000000000"];
  for (const [url, method] of [
    [up, "PUT"],
    [down, "GET"],
  ] as const) {
    const body = method === "PUT" ? "hello" : undefined;
    const parts = url.pathname.split("/");
    const changed = [
      change(url, "expires", String(Number(url.searchParams.get("expires")) + 1)),
      change(url, "size", "6"),
      change(url, "business", "biz_00000000000000000000000000"),
      change(url, "signature", "A".repeat(43)),
      change(url, "signature", ""),
      change(url, method === "PUT" ? "name" : "path", "b.txt"),
      new URL(url.href.replace(parts.at(-2) ?? "", jobId)),
      new URL(url.href.replace(parts.at(-1) ?? "", artifactId)),
      ...(method === "PUT" ? [change(url, "user", "usr_0"), change(url, "sha256", "0".repeat(64))] : []),
    ];
    for (const one of changed) {
      const { code, detail } = await refused(fetch(one, { method, body }));
      expect({ one: one.search, code }).toEqual({ one: one.search, code: "forbidden" });
      expect(detail).toContain("does not fit this URL");
    }
    const without = new URL(url);
    without.searchParams.delete("signature");
    expect((await refused(fetch(without, { method, body }))).code).toBe("invalid_request");
    // The other method, at the same place and with the same link.
    const other = method === "PUT" ? { method: "GET" } : { method: "PUT", body: "hello" };
    expect((await refused(fetch(url, other))).code).toBe("method_not_allowed");
  }
  // A link for one direction in the place of the other.
  const asUpload = new URL(down.href.replace("/download/", "/upload/"));
  for (const [name, value] of [
    ["name", "a.txt"],
    ["user", "usr_0"],
  ] as const)
    asUpload.searchParams.set(name, value);
  asUpload.searchParams.delete("path");
  expect((await refused(put(asUpload, "alpha"))).code).toBe("forbidden");
  expect((await put(up, "hello")).status).toBe(200);
  expect(await (await fetch(down)).text()).toBe("alpha");
});

test("a link works until its time, and not after it", async () => {
  const up = await upload(5, { expiresInSeconds: 100 });
  const down = await readable({ "a.txt": "alpha" }, "a.txt", 100);
  plane.pass(90);
  expect(await (await fetch(down.url)).text()).toBe("alpha");
  plane.pass(15);
  for (const answer of [put(up.url, "hello"), fetch(down.url)]) {
    const { code, status, detail } = await refused(answer);
    expect({ code, status }).toEqual({ code: "link_expired", status: 410 });
    expect(detail).toContain("Ask for another one");
  }
});

test("an upload of another size or digest than the link is for leaves nothing", async () => {
  const { url, artifactId } = await upload(5, { sha256: sha256Of(Buffer.from("hello")) });
  const stream = (text: string) => new Blob([text]).stream();
  for (const body of [
    "hell",
    "hello!",
    stream("hell"),
    stream("hello!"),
    stream("x".repeat(1_000_000)),
    "",
  ]) {
    const { code, detail } = await refused(put(url, body));
    expect(code).toBe("forbidden");
    expect(detail).toContain("for a file of 5 bytes");
  }
  const wrong = await refused(put(url, "HELLO"));
  expect(wrong).toMatchObject({ code: "forbidden", detail: expect.stringContaining("digest") });
  expect((await api.refused("artifacts.retrieve", { artifactId }, user)).code).toBe("not_found");
  expect((await put(url, stream("hello"))).status).toBe(200);
});

test("an upload that breaks off leaves nothing, and the link can be used again", async () => {
  const content = Buffer.alloc(9_000_000, "abcdefg");
  const { url, artifactId } = await upload(content.length);
  const { pathname, search, host } = new URL(url);
  const before = await plane.stores.artifacts.scanPacks(undefined, 1_000);
  const packs = async () => (await plane.stores.artifacts.scanPacks(undefined, 1_000)).length - before.length;
  const client = new RawHttp(plane.port, [
    `PUT ${pathname}${search} HTTP/1.1`,
    `Host: ${host}`,
    `Content-Length: ${content.length}`,
  ]);
  client.write(content.subarray(0, 8_500_000));
  await waitFor("the first part", async () => (await packs()) > 0);
  client[Symbol.dispose]();
  await waitFor("nothing to be left", async () => (await packs()) === 0);
  expect((await api.refused("artifacts.retrieve", { artifactId }, user)).code).toBe("not_found");
  expect((await put(url, content)).status).toBe(200);
  expect((await api.call("artifacts.retrieve", { artifactId }, user)).bytes).toBe(content.length);
});

test("a large file comes back whole and in any range, also over the borders of its parts", async () => {
  const content = Buffer.alloc(2 * fileLimits.partBytes + 1_000);
  for (let i = 0; i < content.length; i += 4) content.writeUInt32LE((i * 2_654_435_761) % 2 ** 32, i);
  const { url, artifactId } = await upload(content.length, { name: 'große "Datei" 100%.bin' });
  expect((await put(url, content)).status).toBe(200);
  const { jobId = "" } = await api.call("artifacts.retrieve", { artifactId }, user);
  const link = await api.call("artifacts.presign-download", { jobId, artifactId }, user);
  expect(link).toMatchObject({ size: content.length, sha256: sha256Of(content) });
  const whole = await fetch(link.url);
  expect(sha256Of(await whole.bytes())).toBe(link.sha256);
  expect(whole.headers.get("content-disposition")).toBe(
    `attachment; filename="gro_e _Datei_ 100_.bin"; filename*=UTF-8''gro%C3%9Fe%20%22Datei%22%20100%25.bin`,
  );
  const { partBytes } = fileLimits;
  for (const [from, to] of [
    [0, 1],
    [partBytes - 1, partBytes + 1],
    [partBytes, partBytes * 2],
    [10, content.length],
    [content.length - 1, content.length],
  ] as const) {
    const part = await fetch(link.url, { headers: { range: `bytes=${from}-${to - 1}` } });
    expect(part.status).toBe(206);
    expect(part.headers.get("content-range")).toBe(`bytes ${from}-${to - 1}/${content.length}`);
    expect(sha256Of(await part.bytes())).toBe(sha256Of(content.subarray(from, to)));
  }
});

test("an empty file can be sent and read", async () => {
  const { url, artifactId } = await upload(0);
  expect((await put(url, "")).status).toBe(200);
  const { jobId = "" } = await api.call("artifacts.retrieve", { artifactId }, user);
  const link = await api.call("artifacts.presign-download", { jobId, artifactId }, user);
  expect((await (await fetch(link.url)).bytes()).length).toBe(0);
});

test("a link ends with its artifact and with its job", async () => {
  const { url, artifactId } = await readable({ "a.txt": "alpha" }, "a.txt");
  await api.call("artifacts.delete", { artifactIds: [artifactId] }, user);
  expect((await refused(fetch(url))).code).toBe("not_found");
  const other = await readable({ "a.txt": "alpha" }, "a.txt");
  await api.call("jobs.cancel", { jobId: other.jobId }, user);
  await api.call("jobs.delete", { jobIds: [other.jobId] }, user);
  expect((await refused(fetch(other.url))).code).toBe("not_found");
});

test("of several uploads with one link at once, one makes the artifact", async () => {
  const { url, artifactId } = await upload(5);
  const answers = await Promise.all(["hello", "HELLO", "Hello"].map((body) => put(url, body)));
  const good = answers.filter((one) => one.ok);
  expect(good.length).toBe(1);
  for (const one of answers.filter((one) => !one.ok)) expect((await refused(one)).code).toBe("conflict");
  const made = (await good[0]?.json()) as { artifact: object };
  expect(await api.call("artifacts.retrieve", { artifactId }, user)).toEqual(made.artifact as never);
});

test("curl sends and reads a file with nothing but the link, and goes on after a break", async () => {
  const content = Buffer.alloc(6_000_000, "0123456789");
  const { url, artifactId } = await upload(content.length);
  await using scratch = await makeScratch();
  await Bun.write(scratch.join("sent"), content);
  const curl = async (...args: string[]) => {
    const running = Bun.spawn(["curl", "-sS", "--fail-with-body", ...args], {
      stdout: "pipe",
      stderr: "pipe",
      timeout: CURL_MS,
    });
    const [out, err] = await Promise.all([
      new Response(running.stdout).text(),
      new Response(running.stderr).text(),
    ]);
    return { code: await running.exited, out, err };
  };
  expect((await curl("-T", scratch.join("sent"), url)).code).toBe(0);
  const { jobId = "" } = await api.call("artifacts.retrieve", { artifactId }, user);
  const link = await api.call("artifacts.presign-download", { jobId, artifactId }, user);
  await Bun.write(scratch.join("got"), content.subarray(0, 4_500_000));
  expect((await curl("-C", "-", "-o", scratch.join("got"), link.url)).code).toBe(0);
  expect(sha256Of(await Bun.file(scratch.join("got")).bytes())).toBe(sha256Of(content));
  const twice = await curl("-T", scratch.join("sent"), url);
  expect(twice.code).toBe(22);
  expect(twice.out).toContain("was already sent");
});

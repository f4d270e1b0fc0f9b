import { expect, test } from "bun:test";
import { type As, readProblem } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { RawHttp } from "../support/raw-http.ts";
import { TestServer } from "../support/server.ts";

const server = forAllTests(await TestServer.start());
const user: As = await server.api.user();

function post(path: string, headers: string[]): RawHttp {
  const host = `Host: 127.0.0.1:${server.port}`;
  const type = "Content-Type: application/json";
  return new RawHttp(server.port, [`POST /api/compute/${path} HTTP/1.1`, host, type, ...headers]);
}

test("an unknown caller is answered before any byte of the body has arrived", async () => {
  for (const headers of [["Content-Length: 15900000"], ["Transfer-Encoding: chunked"]]) {
    using submit = post("jobs/submit", headers);
    expect(await submit.status()).toBe(401);
    expect(await submit.whole()).toContain("unauthenticated");
  }
});

test("before authentication a body may have 4 KiB", async () => {
  using announced = post("auth/refresh", ["Content-Length: 4097"]);
  expect(await announced.status()).toBe(413);
  using unannounced = post("auth/refresh", ["Transfer-Encoding: chunked"]);
  unannounced.write(`1001\r\n${" ".repeat(4_097)}\r\n`);
  expect(await unannounced.status()).toBe(413);
  const body = JSON.stringify({ refreshToken: "x".repeat(5_000) });
  const { detail } = await readProblem(await server.api.send("auth.refresh", body));
  expect(detail).toContain("larger than 4 KiB");
});

test("a body that does not arrive is not waited for, and its connection is closed", async () => {
  using announced = post("auth/refresh", ["Content-Length: 4000"]);
  announced.write("{");
  using unannounced = post("auth/refresh", ["Transfer-Encoding: chunked"]);
  unannounced.write("1\r\n{\r\n");
  for (const one of [announced, unannounced]) {
    expect(await one.status()).toBe(408);
    expect(await one.whole()).toContain("request_timeout");
  }
});

test("unfinished bodies, however many, do not keep anyone from signing in", async () => {
  const left = Array.from({ length: 1_200 }, () => post("auth/refresh", ["Content-Length: 4000"]));
  try {
    expect(await left[0]?.status()).toBe(408);
    const body = JSON.stringify({ refreshToken: "wrong" });
    expect((await readProblem(await server.api.send("auth.refresh", body))).code).toBe("unauthenticated");
  } finally {
    for (const one of left) one[Symbol.dispose]();
  }
});

test("a body in an unsupported encoding is refused, and the error names the encoding", async () => {
  const body = Bun.gzipSync(JSON.stringify({ command: "true" }));
  for (const encoding of ["gzip", "br", "gzip, br", "Zstd"]) {
    const answer = await server.api.send("jobs.submit", body, user, { "content-encoding": encoding });
    const problem = await readProblem(answer);
    expect(problem.status).toBe(415);
    expect(problem.detail).toContain(encoding.toLowerCase());
  }
  const plain = { "content-encoding": "identity" };
  expect((await server.api.send("jobs.submit", '{"command":"true"}', user, plain)).status).toBe(200);
});

test("a job with a million labels, variables or arguments is refused with its field, and blocks nobody", async () => {
  const many = Array.from({ length: 900_000 }, (_, i) => `"k${i}":"1"`).join(",");
  for (const field of ["labels", "env"]) {
    const sent = server.api.send("jobs.submit", `{"command":"true","${field}":{${many}}}`, user);
    const startMs = performance.now();
    expect((await server.api.fetch("/healthz")).status).toBe(200);
    expect(performance.now() - startMs).toBeLessThan(2_000);
    const problem = await readProblem(await sent);
    expect(problem).toMatchObject({ status: 400, code: "invalid_request" });
    expect(problem.errors?.map(({ path }) => path)).toEqual([field]);
  }
  const list = `[${"1,".repeat(900_000)}1]`;
  for (const field of ["command", "after"]) {
    const problem = await readProblem(await server.api.send("jobs.submit", `{"${field}":${list}}`, user));
    expect(problem.errors?.map(({ path }) => path)).toEqual([field]);
  }
});

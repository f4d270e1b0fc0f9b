import { expect, test } from "bun:test";
import { connect } from "node:net";
import { TestServer } from "../support/server.ts";
import { within } from "../support/wait.ts";

const LIMIT_MS = 10_000;

/** Sends one raw request; returns the status line and body of the response. */
function raw(server: TestServer, lines: string[]): Promise<string> {
  const answer = new Promise<string>((resolve, reject) => {
    let text = "";
    const socket = connect(server.port, "127.0.0.1", () => socket.write(`${lines.join("\r\n")}\r\n\r\n`));
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
  });
  return within(LIMIT_MS, lines[0] ?? "", answer);
}

const start = ["POST /api/compute/auth/local/start HTTP/1.1", "Content-Length: 0", "Connection: close"];
const paths = ["/api/compute/auth/whoami", "/api/compute/jobs/list", "/nowhere", "/"];

test("a foreign host name that resolves to the server gets 403 everywhere except at the health checks", async () => {
  await using server = await TestServer.start();
  const host = `rebound.evil.example:${server.port}`;
  for (const path of paths) {
    for (const method of ["GET", "POST", "OPTIONS"]) {
      const answer = await raw(server, [`${method} ${path} HTTP/1.1`, `Host: ${host}`, "Connection: close"]);
      expect(answer).toStartWith("HTTP/1.1 403");
    }
  }
  const named = await raw(server, [...start, `Host: ${host}`]);
  expect(named).toStartWith("HTTP/1.1 403");
  expect(named).toContain("--allowed-host rebound.evil.example");
  expect(named).not.toContain(server.scratch.path);
  for (const path of ["/healthz", "/readyz"]) {
    const answer = await raw(server, [`GET ${path} HTTP/1.1`, `Host: ${host}`, "Connection: close"]);
    expect(answer).toStartWith("HTTP/1.1 200");
  }
});

test("a form that any page can send, with its own origin or without one, gets 403", async () => {
  await using server = await TestServer.start();
  const host = `Host: 127.0.0.1:${server.port}`;
  for (const origin of ["null", "https://evil.example", `http://localhost:${server.port}`]) {
    expect(await raw(server, [...start, host, `Origin: ${origin}`])).toStartWith("HTTP/1.1 403");
  }
  expect(await raw(server, [...start, host, `Origin: http://127.0.0.1:${server.port}`])).not.toStartWith(
    "HTTP/1.1 403",
  );
});

test("a request without a host, or with two, is not processed", async () => {
  await using server = await TestServer.start();
  const own = `Host: 127.0.0.1:${server.port}`;
  for (const hosts of [[], ["Host:"], [own, "Host: evil.example"]]) {
    expect(await raw(server, [...start, ...hosts])).toMatch(/^HTTP\/1\.1 (400|403)/);
  }
  expect(await raw(server, [start[0]?.replace("1.1", "1.0") ?? "", "Content-Length: 0"])).toMatch(
    /^HTTP\/1\.[01] (400|403|505)/,
  );
});

test("an allowed name is answered, whatever port a proxy listens on", async () => {
  await using server = await TestServer.start({ TANVRIT_ALLOWED_HOSTS: "compute.example.org, *.lan" });
  for (const host of ["compute.example.org", "compute.example.org:8443", "a.lan"]) {
    expect(await raw(server, [...start, `Host: ${host}`])).not.toStartWith("HTTP/1.1 403 ");
  }
  expect(await raw(server, [...start, "Host: other.example.org"])).toStartWith("HTTP/1.1 403");
});

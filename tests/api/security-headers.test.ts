import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestServer } from "../support/server.ts";

const APP = "https://app.example.org";
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start({ TANVRIT_ALLOWED_ORIGINS: APP });
});

afterAll(() => server[Symbol.asyncDispose]());

const whoami = "/api/compute/auth/whoami";

function ask(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> {
  return fetch(server.url + path, { method, headers, redirect: "manual" });
}

test("every answer tells browsers to run nothing, to frame nothing and to guess no type", async () => {
  const paths = ["/healthz", "/readyz", whoami, "/nowhere", "/api/compute/jobs/list"];
  const answers = await Promise.all([
    ...paths.map((path) => ask(path)),
    ask(whoami, { origin: "https://evil.example" }),
    ask(whoami, {}, "DELETE"),
  ]);
  for (const { headers } of answers) {
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
    expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
    expect(headers.get("referrer-policy")).toBe("same-origin");
  }
});

test("pages of an allowed origin may call the API with a token, never with cookies; others may not", async () => {
  const asked = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization",
  };
  const preflight = await ask(whoami, { origin: APP, ...asked, "sec-fetch-site": "cross-site" }, "OPTIONS");
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-origin")).toBe(APP);
  expect(preflight.headers.get("access-control-allow-headers")).toBe("authorization");
  expect(preflight.headers.get("access-control-allow-credentials")).toBeNull();
  const allowed = await ask(whoami, { origin: APP, "sec-fetch-site": "cross-site" }, "POST");
  expect(allowed.status).toBe(401);
  expect(allowed.headers.get("access-control-allow-origin")).toBe(APP);
  expect(allowed.headers.get("vary")).toContain("Origin");
  for (const origin of ["https://evil.example", `${APP}.evil.example`, "http://app.example.org", "null"]) {
    for (const method of ["POST", "OPTIONS"]) {
      const refused = await ask(whoami, { origin }, method);
      expect(refused.status).toBe(403);
      expect(refused.headers.get("access-control-allow-origin")).toBeNull();
    }
  }
  expect((await ask(whoami)).headers.get("access-control-allow-origin")).toBeNull();
});

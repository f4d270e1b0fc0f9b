import { expect, test } from "bun:test";
import { ComputeError } from "../shared/errors.ts";
import { playedServers } from "../tests/support/played-server.ts";
import { ComputeClient } from "./client.ts";
import { UnreachableError } from "./errors.ts";

const { serve, stopAll } = playedServers();

function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  const body = JSON.stringify({ type: "about:blank", title: "title", status, code, detail: "the detail" });
  return new Response(body, { status, headers: { "content-type": "application/problem+json", ...headers } });
}

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable("the call should fail"),
    (error: unknown) => error,
  );
}

test("a call uses the endpoint's method and path and sends credentials, idempotency key and body", async () => {
  const url = serve(async (request) =>
    Response.json({
      line: `${request.method} ${new URL(request.url).pathname}`,
      auth: request.headers.get("authorization"),
      key: request.headers.get("idempotency-key"),
      body: await request.json(),
    }),
  );
  const client = new ComputeClient({ url, credentials: { headers: () => ({ authorization: "Bearer t" }) } });
  const answer: unknown = await client.call("jobs.submit", { command: "true" }, { idempotencyKey: "k" });
  expect(answer).toEqual({
    line: "POST /api/compute/jobs/submit",
    auth: "Bearer t",
    key: "k",
    body: { command: "true" },
  });
});

test("a problem becomes a ComputeError with its code and Retry-After", async () => {
  const url = serve(() => problem(429, "rate_limited", { "retry-after": "7" }));
  const error = await failure(new ComputeClient({ url }).call("jobs.list", {}));
  expect(error).toBeInstanceOf(ComputeError);
  expect(error).toMatchObject({ code: "rate_limited", retryAfterSeconds: 7, message: "the detail" });
});

test("an unknown code of a newer server counts as the general code of its status", async () => {
  const url = serve(() => problem(409, "too_new_to_know"));
  const error = await failure(new ComputeClient({ url }).call("jobs.list", {}));
  expect(error).toMatchObject({ code: "conflict", status: 409, message: "the detail (too_new_to_know)" });
});

test("credentials are renewed once after an expired token, and a second 401 is thrown", async () => {
  let token = "old";
  let renewals = 0;
  const credentials = {
    headers: () => ({ authorization: `Bearer ${token}` }),
    renew: async () => {
      renewals++;
      token = "new";
      return true;
    },
  };
  const goodToken = { value: "Bearer new" };
  const url = serve((request) =>
    request.headers.get("authorization") === goodToken.value
      ? Response.json({ ok: true })
      : problem(401, "token_expired"),
  );
  const client = new ComputeClient({ url, credentials });
  expect(await client.call("auth.logout", {})).toEqual({ ok: true } as never);
  goodToken.value = "Bearer other";
  expect(await failure(client.call("auth.logout", {}))).toMatchObject({ code: "token_expired" });
  expect(renewals).toBe(2);
});

test("an answer that is not ours is an UnreachableError that says why", async () => {
  const gone = serve(() => new Response());
  await stopAll();
  const cases: [string, RegExp, boolean][] = [
    [gone, /connection was refused/, true],
    [serve(() => new Response("<html>")), /not a Tanvrit Compute server/, false],
    [serve(() => new Response("bad gateway", { status: 502 })), /HTTP 502/, true],
    [serve(() => new Response("{", { headers: { "content-type": "application/json" } })), /not JSON/, true],
  ];
  for (const [url, why, temporary] of cases) {
    const error = await failure(new ComputeClient({ url }).call("jobs.list", {}));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({ message: expect.stringMatching(why), temporary });
  }
});

test("a call ends at its time limit, or with the caller's own reason when aborted", async () => {
  const url = serve(() => new Promise<Response>(() => undefined));
  const client = new ComputeClient({ url });
  const late = await failure(client.call("jobs.list", {}, { timeoutMs: 20 }));
  expect(late).toMatchObject({ name: "UnreachableError", message: expect.stringContaining("within 0.02 s") });
  const abort = new AbortController();
  const call = client.call("jobs.list", {}, { signal: abort.signal });
  abort.abort(new Error("mine"));
  expect(await failure(call)).toMatchObject({ message: "mine" });
});

test("a stream yields its events, sends path, query and Last-Event-ID, and frees the connection when its reader stops", async () => {
  const cancelled = Promise.withResolvers<void>();
  let asked = "";
  const url = serve((request) => {
    asked = `${new URL(request.url).pathname}${new URL(request.url).search} ${request.headers.get("last-event-id")}`;
    request.signal.addEventListener("abort", () => cancelled.resolve());
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('id: 1.1\nevent: log\ndata: {"text":"hi"}\n\n'));
      },
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  });
  const client = new ComputeClient({ url });
  const events = client.stream("jobs.logs", { jobId: "a/b", tail: 3 }, { lastEventId: "1.0" });
  for await (const event of events) {
    expect(event).toEqual({ event: "log", id: "1.1", data: { text: "hi" } } as never);
    break;
  }
  expect(asked).toBe("/api/compute/jobs/a%2Fb/logs/stream?tail=3 1.0");
  await cancelled.promise;
});

test("a redirect to another server is not followed, and nothing is sent to its target", async () => {
  const reached: string[] = [];
  const thief = serve((request) => {
    reached.push(request.url);
    return Response.json({});
  });
  for (const status of [301, 302, 303, 307, 308]) {
    const place = new URL(thief).origin;
    for (const location of [`${thief}api/compute/auth/whoami`, `//${new URL(thief).host}/x`]) {
      const url = serve(() => new Response(null, { status, headers: { location } }));
      const signed: Record<string, string>[] = [{ authorization: "Bearer t" }, { "x-api-key": "k" }];
      for (const headers of signed) {
        const client = new ComputeClient({ url, credentials: { headers: () => headers } });
        const error = await failure(client.call("auth.whoami", {}));
        expect(error).toBeInstanceOf(UnreachableError);
        expect((error as Error).message).toContain(`it redirects to ${place} (HTTP ${status})`);
        const stream = client.stream("jobs.logs", { jobId: `job_${"0".repeat(26)}` } as never);
        expect(await failure(stream.next())).toBeInstanceOf(UnreachableError);
      }
    }
  }
  expect(reached).toEqual([]);
});

test("a redirect to the same server is not followed either", async () => {
  let asked = 0;
  const url = serve(() => {
    asked++;
    return new Response(null, { status: 308, headers: { location: "/elsewhere" } });
  });
  expect(await failure(new ComputeClient({ url }).call("auth.whoami", {}))).toBeInstanceOf(UnreachableError);
  expect(asked).toBe(1);
});

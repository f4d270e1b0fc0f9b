import { expect, test } from "bun:test";
import { type ErrorCode, errorCodes } from "../shared/errors.ts";
import { playedServers } from "../tests/support/played-server.ts";
import { createComputeClient } from "./index.ts";

const { serve: serveAt } = playedServers();

function serve(fetch: Parameters<typeof serveAt>[0]) {
  return createComputeClient({ url: serveAt(fetch), token: "t" });
}

const problem = (code: ErrorCode) => {
  const { status, title } = errorCodes[code];
  return new Response(JSON.stringify({ type: "x", title, status, code }), {
    status,
    headers: { "content-type": "application/problem+json" },
  });
};
const unavailable = () => problem("unavailable");

test("a list goes on when the server goes away between two pages, for longer than firstMs", async () => {
  let calls = 0;
  const { nodes } = serve(async (request) => {
    const { cursor } = (await request.json()) as { cursor?: string };
    calls++;
    if (cursor === undefined) return Response.json({ nodes: [{ nodeId: "node_1" }], nextCursor: "2" });
    return calls < 4 ? unavailable() : Response.json({ nodes: [{ nodeId: "node_2" }] });
  });
  const reported: boolean[] = [];
  const all = nodes.list({}, { firstMs: 1, onAway: (_, answered) => reported.push(answered) });
  expect((await Array.fromAsync(all)).map((node) => node.nodeId)).toEqual(["node_1", "node_2"]);
  expect(reported).toEqual([true]);
});

test("a call that is aborted between two attempts throws the signal's reason", async () => {
  const left = new AbortController();
  const reason = new Error("left");
  const { jobs } = serve(unavailable);
  const call = jobs.retrieve("job_1", { signal: left.signal, onAway: () => left.abort(reason) });
  expect(await call.catch((error: unknown) => error)).toBe(reason);
});

test("a call with an empty key is sent once, because the server could not recognise a repeat", async () => {
  let calls = 0;
  const { jobs } = serve(() => {
    calls++;
    return unavailable();
  });
  const refused = await jobs
    .submit({ command: "true" }, { idempotencyKey: "", firstMs: 500 })
    .catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "unavailable" });
  expect(calls).toBe(1);
});

test("a call is sent again only after an error whose code is retryable", async () => {
  const codes = Object.keys(errorCodes) as ErrorCode[];
  const sentAgain = await Promise.all(
    codes.map(async (code) => {
      let calls = 0;
      const { jobs } = serve(() => (++calls === 1 ? problem(code) : Response.json({ jobId: "job_1" })));
      await jobs.retrieve("job_1").catch(() => undefined);
      return calls > 1;
    }),
  );
  expect(codes.filter((_, i) => sentAgain[i])).toEqual(codes.filter((code) => errorCodes[code].retryable));
});

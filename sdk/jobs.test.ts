import { expect, test } from "bun:test";
import { playedServers } from "../tests/support/played-server.ts";
import { createComputeClient } from "./index.ts";

const { serve: serveAt } = playedServers();

function serve(fetch: Parameters<typeof serveAt>[0]) {
  return createComputeClient({ url: serveAt(fetch), token: "t" });
}

const unavailable = () =>
  new Response(JSON.stringify({ type: "x", title: "away", status: 503, code: "unavailable" }), {
    status: 503,
    headers: { "content-type": "application/problem+json" },
  });

const log = (attempt: number, seq: number) =>
  `id: ${attempt}.${seq}\nevent: log\ndata: ${JSON.stringify({ seq, attempt, text: `line ${seq}` })}\n\n`;
const events = (text: string) => new Response(text, { headers: { "content-type": "text/event-stream" } });

test("a submit is retried under one key while the server is away", async () => {
  const keys: (string | null)[] = [];
  const { jobs } = serve((request) => {
    keys.push(request.headers.get("idempotency-key"));
    return keys.length < 3 ? unavailable() : Response.json({ jobId: "job_1" });
  });
  const reported: string[] = [];
  const job = await jobs.submit(
    { command: "true" },
    { onAway: (error) => reported.push(error.message), onBack: () => reported.push("back") },
  );
  expect(job.jobId).toBe("job_1");
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
  expect(reported).toEqual(["away", "back"]);
});

test("batches are one conversation: after the first answer, a server that goes away is waited for", async () => {
  const keys: (string | null)[] = [];
  const { jobs } = serve((request) => {
    keys.push(request.headers.get("idempotency-key"));
    return keys.length === 2 ? unavailable() : Response.json({ jobs: [{ jobId: `job_${keys.length}` }] });
  });
  const reported: boolean[] = [];
  const batches = [[{ command: "a" }], [{ command: "b" }]];
  const options = { idempotencyKey: "k", firstMs: 1, onAway: (_: Error, was: boolean) => reported.push(was) };
  const submitted = await Array.fromAsync(jobs.submitBatches(batches, options));
  expect(submitted.flat().map((job) => job.jobId)).toEqual(["job_1", "job_3"]);
  expect(keys).toEqual(["k/0", "k/1", "k/1"]);
  expect(reported).toEqual([true]);
});

test("patience ends, and a call that must not repeat is sent once", async () => {
  let calls = 0;
  const { jobs } = serve(() => {
    calls++;
    return unavailable();
  });
  await expect(jobs.retrieve("job_1", { firstMs: 200 })).rejects.toMatchObject({ code: "unavailable" });
  await jobs.retrieve("job_1", { firstMs: 200 }).catch(() => undefined);
  calls = 0;
  expect(await jobs.retry("job_1").catch((error: unknown) => error)).toMatchObject({ code: "unavailable" });
  expect(calls).toBe(1);
});

test("a wait asks until the job is over", async () => {
  const statuses = ["QUEUED", "RUNNING", "FAILED"];
  const { jobs } = serve(() => Response.json({ jobId: "job_1", status: statuses.shift(), exitCode: 3 }));
  expect(await jobs.wait("job_1")).toMatchObject({ status: "FAILED", exitCode: 3 });
  expect(statuses).toEqual([]);
});

test("a wait goes on through any number of server restarts", async () => {
  let breaks = 0;
  const { jobs } = serve(async (request) => {
    const { waitSeconds } = (await request.json()) as { waitSeconds: number };
    if (waitSeconds === 0) return Response.json({ jobId: "job_1", status: "RUNNING" });
    await Bun.sleep(40);
    return ++breaks < 3 ? unavailable() : Response.json({ jobId: "job_1", status: "SUCCESS" });
  });
  // Longer than firstMs from the first break to the end; a server answers every request that does not wait.
  expect(await jobs.wait("job_1", { firstMs: 120 })).toMatchObject({ status: "SUCCESS" });
});

test("following resumes after the last line when the connection or the server is lost", async () => {
  const asked: (string | null)[] = [];
  const answers = [
    () => events(log(1, 1) + log(1, 2)),
    unavailable,
    () => events(`${log(1, 3)}id: 1.4\nevent: log\ndata: {"cut`),
    () => events(`${log(1, 4)}event: end\ndata: {"status":"SUCCESS"}\n\n`),
  ];
  const { jobs } = serve((request) => {
    // An older server has no tickets.
    if (request.url.endsWith("/wait-tickets")) return unavailable();
    asked.push(`${request.headers.get("last-event-id")} ${new URL(request.url).search}`);
    return answers.shift()?.() ?? unavailable();
  });
  const seen: string[] = [];
  for await (const event of jobs.follow("job_1", { tail: 9 })) seen.push(event.id ?? event.event);
  expect(seen).toEqual(["1.1", "1.2", "1.3", "1.4", "end"].map((id) => (id === "end" ? "1.4" : id)));
  expect(asked).toEqual([
    "null ?tail=9&follow=true",
    "1.2 ?follow=true",
    "1.2 ?follow=true",
    "1.3 ?follow=true",
  ]);
});

test("following ends immediately when aborted", async () => {
  const { jobs } = serve(() => new Promise<Response>(() => undefined));
  const abort = new AbortController();
  const startedMs = performance.now();
  const reading = jobs.follow("job_1", { signal: abort.signal }).next();
  abort.abort(new Error("enough"));
  await expect(reading).rejects.toThrow("enough");
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});

test("a list walks all pages, and stops at its limit", async () => {
  const { jobs } = serve(async (request) => {
    const { cursor = "0", limit } = (await request.json()) as { cursor?: string; limit: number };
    const first = Number(cursor);
    const rows = Array.from({ length: Math.min(2, limit) }, (_, i) => ({ jobId: `job_${first + i}` }));
    return Response.json({ jobs: rows, nextCursor: first < 4 ? String(first + 2) : undefined });
  });
  expect((await Array.fromAsync(jobs.list())).map((job) => job.jobId)).toHaveLength(6);
  expect(await Array.fromAsync(jobs.list({ limit: 3 }))).toHaveLength(3);
});

/**
 * What a program does with the SDK, in plain JavaScript that every runtime can load: a browser, Node, Deno and Bun. Returns
 * what happened, as JSON that does not depend on the runtime.
 *
 * @param {typeof import("../../sdk/index.ts")} sdk
 * @param {{ url: string, token: string, nowhere: string }} given `nowhere` is a URL at which nothing listens.
 */
export async function useEverything(sdk, { url, token, nowhere }) {
  const compute = sdk.createComputeClient({ url, token });
  return {
    follow: await followOne(compute),
    files: await sendFiles(compute),
    cancel: await cancelOne(compute),
    pages: await listAll(compute),
    errors: await meetErrors(sdk, compute, { url, token, nowhere }),
    aborts: await abort(compute),
    ownFetch: await countRequests(sdk, { url, token }),
  };
}

/** Submits a job, and follows its log to the end. */
async function followOne(compute) {
  const { jobId } = await compute.jobs.submit({ command: "echo one; echo two >&2; exit 3" });
  const lines = [];
  let last;
  for await (const { event, data } of compute.jobs.follow(jobId)) {
    if (event === "log" && data.stream !== "system") lines.push(`${data.stream}: ${data.text}`);
    last = event;
  }
  const job = await compute.jobs.wait(jobId);
  return { lines: lines.sort(), last, status: job.status, exitCode: job.exitCode };
}

const MIB = 1024 * 1024;

/** Sends files, one of them in parts, and lets a job read them. The second time nothing needs to be sent. */
async function sendFiles(compute) {
  const large = new Uint8Array(5 * MIB + 1).fill(120);
  // Content that no earlier run has sent.
  crypto.getRandomValues(large.subarray(0, 32));
  const files = [
    { path: "data/large.bin", blob: new Blob([large]) },
    { path: "run.sh", blob: new Blob(["#!/bin/sh\nwc -c < data/large.bin; cat data/ü.txt"]), mode: 0o755 },
    { path: "data/ü.txt", blob: new Blob(["käse"]) },
  ];
  let progress;
  const onProgress = (now) => {
    progress = { ...now };
  };
  const artifact = await compute.artifacts.uploadFiles(files, { kind: "input", onProgress });
  const first = progress;
  await compute.artifacts.uploadFiles(files, { kind: "input", onProgress });
  const job = await compute.jobs.submitAndWait({
    command: ["./run.sh"],
    inputs: [{ from: `artifact:${artifact.artifactId}` }],
  });
  const output = [];
  for await (const { event, data } of compute.jobs.logs(job.jobId))
    if (event === "log" && data.stream === "stdout") output.push(data.text.trim());
  return {
    artifact: { kind: artifact.kind, type: artifact.type, files: artifact.files, bytes: artifact.bytes },
    isSent: first.bytesSent > 0 && first.bytesRead === first.bytes,
    sentAgain: progress.bytesSent,
    status: job.status,
    output,
  };
}

async function cancelOne(compute) {
  const { jobId } = await compute.jobs.submit({ command: "sleep 300", labels: { nowhere: "yes" } });
  await compute.jobs.cancel(jobId);
  const { status } = await compute.jobs.wait(jobId);
  return status;
}

async function listAll(compute) {
  let rows = 0;
  for await (const _ of compute.jobs.list({ limit: 2 })) rows++;
  return rows;
}

async function meetErrors(sdk, compute, { url, token, nowhere }) {
  const missing = await failureOf(compute.jobs.retrieve(`job_${"0".repeat(26)}`));
  const wrong = await failureOf(compute.jobs.submit({ command: "true", priority: "high" }));
  const refused = await failureOf(sdk.createComputeClient({ url, token: "wrong" }).jobs.list().next());
  const away = sdk.createComputeClient({ url: nowhere, token }).jobs.retrieve("job", { firstMs: 50 });
  const unreachable = await failureOf(away);
  return {
    missing: [missing instanceof sdk.ComputeError, missing.code, missing.status],
    wrong: [wrong.code, wrong.errors?.map(({ path }) => path)],
    refused: refused.code,
    unreachable: [unreachable instanceof sdk.UnreachableError, unreachable.url === nowhere],
  };
}

/** Ends a wait, a stream and an upload in the middle. */
async function abort(compute) {
  const { jobId } = await compute.jobs.submit({ command: "sleep 300", labels: { nowhere: "yes" } });
  const reasons = [];
  const run = async (step) => {
    const stop = new AbortController();
    const ended = failureOf(step(stop.signal, () => stop.abort(new Error("enough"))));
    reasons.push((await ended).message);
  };
  await run((signal, stop) => {
    setTimeout(stop, 100);
    return compute.jobs.wait(jobId, { signal });
  });
  await run(async (signal, stop) => {
    for await (const _ of compute.jobs.follow(jobId, { signal })) stop();
  });
  await run((signal, stop) => {
    const blob = new Blob([crypto.getRandomValues(new Uint8Array(65_536)), new Uint8Array(20 * MIB)]);
    return compute.artifacts.uploadFiles([{ path: "never", blob }], { signal, onProgress: stop });
  });
  await compute.jobs.cancel(jobId);
  return reasons;
}

/** Every request goes through the given `fetch`. */
async function countRequests(sdk, { url, token }) {
  const sent = [];
  const ownFetch = (target, init) => {
    sent.push(`${init.method} ${new URL(target).pathname}`);
    return fetch(target, init);
  };
  const compute = sdk.createComputeClient({ url, token, fetch: ownFetch });
  await compute.jobs.list({ limit: 1 }).next();
  return sent;
}

async function failureOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it should have failed");
}

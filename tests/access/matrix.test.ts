import { expect, test } from "bun:test";
import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { type EndpointId, endpoints } from "../../shared/endpoints/index.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";
import { type Caller, callersOf, statusOf } from "./callers.ts";
import { aboutOne, inputs, type Stage } from "./inputs.ts";
import { requestOf } from "./request.ts";

/**
 * Endpoints with scenarios of their own, because their calls change the caller, or because what they name belongs to the
 * caller alone. That they refuse everybody without a valid credential is tested here too.
 */
const elsewhere: readonly EndpointId[] = [
  "auth.logout",
  "auth.end-session",
  "auth.set-password",
  "auth.set-email",
  "api-keys.revoke",
  "enrolments.revoke",
  "members.revoke-invitation",
];

const plane = forAllTests(await TestPlane.start());
const { api } = plane;
const { callers, mia } = await callersOf(plane);
const stage = await stageOf();
const guarded = (Object.entries(endpoints) as [EndpointId, Endpoint][]).filter(
  ([, { callers }]) => !callers.includes("anyone"),
);

test("every endpoint has an input here, or scenarios of its own", () => {
  const known = [...Object.keys(inputs), ...elsewhere].sort();
  expect(known).toEqual(guarded.map(([id]) => id).sort());
});

for (const [id, endpoint] of guarded) {
  const isAboutOne = aboutOne.has(id);
  const isForMany = id.endsWith("-matching") || id === "jobs.delete";
  test(`${id} answers every kind of caller as the table says`, async () => {
    const known = callers.filter((caller) => caller.kind === "refused" || !elsewhere.includes(id));
    const wanted = Object.fromEntries(
      known.map((caller) => [caller.name, statusOf(caller, { ...endpoint, isAboutOne, isForMany })]),
    );
    const got: Record<string, number> = {};
    for (const caller of known) got[caller.name] = await ask(id, endpoint, caller, wanted[caller.name] ?? 0);
    expect(got).toEqual(wanted);
  });
}

test("an endpoint for anyone does not look at credentials", async () => {
  const nonce = Buffer.alloc(32, 1).toString("base64url");
  for (const { name, headers } of callers) {
    const response = await api.send(
      "server.identity",
      JSON.stringify({ nonce, url: "http://127.0.0.1:1" }),
      {},
      headers,
    );
    expect({ name, status: response.status }).toEqual({ name, status: 200 });
  }
});

/** Sends a valid request as this caller. Resolves with the status. */
async function ask(id: EndpointId, endpoint: Endpoint, caller: Caller, wanted: number): Promise<number> {
  const isPerson = caller.kind === "user" || caller.kind === "key";
  const input = (await inputs[id]?.({ ...stage, isPerson: isPerson || wanted === 401 })) ?? {};
  let headers = caller.headers;
  // The call replaces the key, or gives up the job, which the other calls need.
  if ((id === "nodes.rotate-key" || id === "nodes.register") && caller.kind === "node") {
    const other = await PlayedNode.register(api, mia, { labels: { only: "matrix" } });
    headers = { "x-api-key": other.as.nodeKey ?? "" };
  }
  const { path, init } = requestOf(endpoint, input);
  const response = await api.fetch(path, { ...init, headers: { ...init.headers, ...headers } });
  const text = await response.text();
  if (response.status !== wanted) console.error(`${id} as ${caller.name}: ${text.slice(0, 300)}`);
  return response.status;
}

async function stageOf(): Promise<Stage> {
  const calling = callers.find((caller) => caller.kind === "node");
  const as = { nodeKey: calling?.headers["x-api-key"] };
  const { jobId } = await api.call("jobs.submit", { command: "true", labels: { only: "matrix" } }, mia);
  const { assignments } = await api.call(
    "nodes.poll",
    { executions: [], maxAssignments: 1, waitSeconds: 5, condition: {} },
    as,
  );
  const executionId = assignments[0]?.executionId ?? "";
  const at = new Date().toISOString();
  await api.call("nodes.result", { reports: [{ executionId, status: "RUNNING", at }] }, as);
  return { plane, api, mia, running: { jobId, executionId }, isPerson: true };
}

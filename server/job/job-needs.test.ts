import { expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import { type JobManifestInput, jobManifest } from "../../shared/manifest.ts";
import { checkNamed } from "./job-checks.ts";
import { type NeedsCheckParts, needsCheck, needsOf } from "./job-needs.ts";

const by = { businessId: "b", userId: "u" };
const manifestOf = (manifest: Partial<JobManifestInput>) =>
  jobManifest.parse({ command: "true", ...manifest });

/** A business that has everything; `change` takes something away. */
function checkWith(change: Partial<NeedsCheckParts> = {}) {
  const calls: string[][] = [];
  const check = needsCheck({
    hold: async (_, ids) => {
      calls.push([...ids]);
      return ids.map((artifactId) => ({ artifactId }));
    },
    missingSecrets: async (_, names) => {
      calls.push([...names]);
      return [];
    },
    mayUseSecrets: async () => true,
    now: () => 0,
    ...change,
  });
  return { calls, check };
}

test("a job that names nothing asks for nothing", async () => {
  const { check, calls } = checkWith();
  const checkNeeds = () => Promise.reject(new Error("asked"));
  await checkNamed(
    { flow: { checkOthers: async () => new Map() } as never, checkNeeds },
    by,
    [manifestOf({})],
    () => "",
  );
  await check(by, needsOf(manifestOf({}), ""));
  expect(calls).toEqual([]);
});

test("each artifact and secret is asked for once, a few hundred at a time", async () => {
  const { check, calls } = checkWith();
  const ids = Array.from({ length: 1_200 }, () => newId("art"));
  const named = [...ids, ...ids].map((name, i) => ({ path: `jobs.${i}.inputs.0.from`, name }));
  await check(by, { artifacts: named, secrets: [] });
  expect(calls.map((call) => call.length)).toEqual([500, 500, 200]);
  expect(calls.flat()).toEqual(ids);
});

test("the refusal of a user who may not use secrets names the field, and does not say whether the secret exists", async () => {
  const { check, calls } = checkWith({ mayUseSecrets: async () => false });
  const needs = needsOf(manifestOf({ secretFiles: { "conf/token": "deploy" } }), "jobs.2.");
  const refused = await check(by, needs).catch((error) => error);
  expect(refused).toMatchObject({ code: "forbidden" });
  expect(refused.message).toStartWith("jobs.2.secretFiles.conf/token: ");
  expect(calls).toEqual([]);
});

test("everything that is missing is named at once", async () => {
  const { check } = checkWith({ hold: async () => [], missingSecrets: async (_, names) => [...names] });
  const inputs = [{ from: `artifact:${newId("art")}` }, { from: `artifact:${newId("art")}`, to: "x" }];
  const needs = needsOf(manifestOf({ inputs, secretEnv: { A: "a", B: "a" } }), "");
  const refused = await check(by, needs).catch((error) => error);
  expect(refused.errors.map(({ path }: { path: string }) => path)).toEqual([
    "inputs.0.from",
    "inputs.1.from",
    "secretEnv.A",
    "secretEnv.B",
  ]);
});

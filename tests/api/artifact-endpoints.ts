import { expect } from "bun:test";
import { sha256Of } from "../../shared/files/sha256.ts";
import { readProblem } from "../support/api.ts";
import {
  entriesOf,
  packOf,
  readBlobs,
  sendArtifact,
  sendFiles,
  sendPack,
  storedTreeOf,
} from "../support/sent-files.ts";
import { runningJob } from "./job-endpoints.ts";
import type { Scenarios } from "./stage.ts";

const digestOf = (text: string) => sha256Of(Buffer.from(text));
const NOBODY = "art_00000000000000000000000000";
const FILES = { "a.txt": "alpha", "src/": "", "src/b.txt": "beta", "src/empty": "" };

/** A scenario for each endpoint of artifacts. Hostile requests are in artifacts.test.ts, links in links.test.ts. */
export const artifactScenarios = {
  "artifacts.missing": async ({ api }) => {
    const user = await api.newUser();
    const digests = [digestOf("one"), digestOf("two"), digestOf("one")];
    expect(await api.call("artifacts.missing", { digests }, user)).toEqual({ missing: digests.slice(0, 2) });
    await sendPack(api, user, packOf("one"));
    expect(await api.call("artifacts.missing", { digests }, user)).toEqual({ missing: [digestOf("two")] });
    for (const wrong of [[], ["abc"], [digestOf("one").toUpperCase()]])
      expect((await api.refused("artifacts.missing", { digests: wrong }, user)).code).toBe("invalid_request");
  },

  "artifacts.upload-blobs": async ({ api }) => {
    const user = await api.newUser();
    expect(await sendPack(api, user, packOf("one", "two"))).toBe(2);
    // Sent again after a lost answer.
    expect(await sendPack(api, user, packOf("one", "two", "three"))).toBe(3);
    expect(await readBlobs(api, user, [digestOf("three"), digestOf("one")])).toEqual(["three", "one"]);
    const empty = await readProblem(await api.send("artifacts.upload-blobs", new Uint8Array(0), user));
    expect(empty).toMatchObject({ code: "invalid_request", detail: expect.stringContaining("it is empty") });
  },

  "artifacts.read-blobs": async ({ api }) => {
    const user = await api.newUser();
    await sendPack(api, user, packOf("a", "b", "c"));
    await sendPack(api, user, packOf("d"));
    const asked = ["b", "c", "d", "a", "b"];
    expect(await readBlobs(api, user, asked.map(digestOf))).toEqual(asked);
    const body = JSON.stringify({ digests: [digestOf("a"), digestOf("z")] });
    const refused = await readProblem(await api.send("artifacts.read-blobs", body, user));
    expect(refused).toMatchObject({ code: "not_found", detail: expect.stringContaining(digestOf("z")) });
  },

  "artifacts.create": async (stage) => {
    const { api } = stage;
    const user = await api.newUser();
    const { tree, blobs } = storedTreeOf("");
    expect(blobs).toEqual([]);
    const empty = { name: "empty", kind: "upload" as const, type: "directory" as const, tree };
    expect((await api.call("artifacts.create", empty, user)).artifact).toMatchObject({ files: 0, bytes: 0 });
    const first = await sendArtifact(api, user, FILES, { name: "site", ttlSeconds: 3_600 });
    expect(first).toMatchObject({ kind: "upload", name: "site", type: "directory", files: 3, bytes: 9 });
    const again = await sendArtifact(api, user, FILES, { name: "site", ttlSeconds: 7_200 });
    expect(again.artifactId).toBe(first.artifactId);
    expect(Date.parse(again.expiresAt ?? "") - Date.parse(first.expiresAt ?? "")).toBeGreaterThan(3_000_000);
    const other = await sendArtifact(api, user, FILES, { name: "other" });
    expect(other.artifactId).not.toBe(first.artifactId);
    // Only a node brings outputs, and only those of its own attempts.
    const asUser = { ...empty, kind: "output" as const };
    expect((await api.refused("artifacts.create", asUser, user)).errors?.[0]?.path).toBe("kind");
    const { node, jobId, executionId } = await runningJob(stage);
    const output = await sendArtifact(api, node.as, FILES, { kind: "output", executionId });
    expect(output).toMatchObject({ kind: "output", jobId, executionId, attempt: 1 });
    const repeated = await sendArtifact(api, node.as, FILES, { kind: "output", executionId });
    expect(repeated.artifactId).toBe(output.artifactId);
    expect((await api.refused("artifacts.create", empty, node.as)).errors?.[0]?.path).toBe("kind");
    const foreign = { ...empty, kind: "output" as const, executionId: "exe_00000000000000000000000000" };
    expect((await api.refused("artifacts.create", foreign, node.as)).code).toBe("not_found");
    await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
    const late = await sendArtifact(api, node.as, { late: "x" }, { kind: "output", executionId });
    expect(late.jobId).toBe(jobId);
  },

  "artifacts.list": async (stage) => {
    const { api } = stage;
    const user = await api.newUser();
    const ids: string[] = [];
    for (const name of ["a", "b", "c"])
      ids.push((await sendArtifact(api, user, { name }, { name })).artifactId);
    const input = await sendArtifact(api, user, FILES, { kind: "input" });
    const first = await api.call("artifacts.list", { limit: 3 }, user);
    expect(first.artifacts.map((one) => one.artifactId)).toEqual([
      input.artifactId,
      ids[2] ?? "",
      ids[1] ?? "",
    ]);
    const rest = await api.call("artifacts.list", { cursor: first.nextCursor }, user);
    expect(rest.artifacts.map((one) => one.artifactId)).toEqual([ids[0] ?? ""]);
    expect((await api.call("artifacts.list", { kind: "input" }, user)).artifacts).toEqual([input]);
    const { node, jobId, executionId } = await runningJob(stage);
    const output = await sendArtifact(api, node.as, FILES, { kind: "output", executionId });
    expect((await api.call("artifacts.list", { jobId }, stage.user)).artifacts).toEqual([output]);
    await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
  },

  "artifacts.retrieve": async ({ api, user }) => {
    const made = await sendArtifact(api, user, FILES);
    expect(await api.call("artifacts.retrieve", { artifactId: made.artifactId }, user)).toEqual(made);
    expect((await api.refused("artifacts.retrieve", { artifactId: NOBODY }, user)).code).toBe("not_found");
  },

  "artifacts.files": async ({ api, user }) => {
    const { artifactId } = await sendArtifact(api, user, FILES);
    const { entries } = await api.call("artifacts.files", { artifactId }, user);
    expect(entries).toEqual(entriesOf(FILES));
    const paths: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await api.call("artifacts.files", { artifactId, limit: 1, cursor }, user);
      paths.push(...page.entries.map((entry) => entry.path));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(paths).toEqual(["a.txt", "src", "src/b.txt", "src/empty"]);
    const other = await sendArtifact(api, user, { other: "x" }, { name: "other" });
    const page = await api.call("artifacts.files", { artifactId, limit: 1 }, user);
    const inMiddle = Buffer.from(`${artifactId}:5`).toString("base64url");
    for (const wrong of [
      { artifactId: other.artifactId, cursor: page.nextCursor },
      { artifactId, cursor: inMiddle },
      { artifactId, cursor: "nonsense" },
    ])
      expect((await api.refused("artifacts.files", wrong, user)).errors?.[0]?.path).toBe("cursor");
    expect((await api.refused("artifacts.files", { artifactId: NOBODY }, user)).code).toBe("not_found");
  },

  "artifacts.delete": async ({ api, user }) => {
    const { artifactId } = await sendArtifact(api, user, { gone: "soon" });
    const artifactIds = [artifactId, NOBODY];
    expect(await api.call("artifacts.delete", { artifactIds }, user)).toMatchObject({
      deleted: [artifactId],
    });
    expect(await api.call("artifacts.delete", { artifactIds }, user)).toMatchObject({ deleted: [] });
    expect((await api.refused("artifacts.retrieve", { artifactId }, user)).code).toBe("not_found");
    // Made again of what is still there.
    const tree = await sendFiles(api, user, { gone: "soon" });
    const again = { name: "files", kind: "upload" as const, type: "directory" as const, tree };
    expect((await api.call("artifacts.create", again, user)).artifact?.artifactId).not.toBe(artifactId);
  },

  "artifacts.presign-upload": async ({ api, user }) => {
    const { jobId } = await api.call("jobs.submit", { command: "true", labels: { never: "there" } }, user);
    const input = { jobId, name: "report.txt", size: 5, expiresInSeconds: 60 };
    const link = await api.call("artifacts.presign-upload", input, user);
    expect(link.method).toBe("PUT");
    expect(link.url).toContain(`/api/compute/artifacts/upload/${jobId}/${link.artifactId}?`);
    const leftMs = Date.parse(link.expiresAt) - Date.now();
    expect(leftMs).toBeGreaterThan(50_000);
    expect(leftMs).toBeLessThan(62_000);
    for (const [path, wrong] of [
      ["name", { ...input, name: "a/b" }],
      ["size", { ...input, size: -1 }],
      ["expiresInSeconds", { ...input, expiresInSeconds: 8 * 24 * 3_600 }],
    ] as const)
      expect((await api.refused("artifacts.presign-upload", wrong, user)).errors?.[0]?.path).toBe(path);
    const nowhere = { ...input, jobId: "job_00000000000000000000000000" };
    expect((await api.refused("artifacts.presign-upload", nowhere, user)).code).toBe("not_found");
  },

  "artifacts.presign-download": async (stage) => {
    const { api, user } = stage;
    const { node, jobId, executionId } = await runningJob(stage);
    const { artifactId } = await sendArtifact(api, node.as, FILES, { kind: "output", executionId });
    await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
    const link = await api.call("artifacts.presign-download", { jobId, artifactId, path: "src/b.txt" }, user);
    expect(link).toMatchObject({ method: "GET", size: 4, sha256: digestOf("beta") });
    const whole = await api.refused("artifacts.presign-download", { jobId, artifactId }, user);
    expect(whole.errors?.[0]?.path).toBe("path");
    for (const path of ["src/none", "src", "zzz"]) {
      const refused = await api.refused("artifacts.presign-download", { jobId, artifactId, path }, user);
      expect(refused).toMatchObject({ code: "not_found", detail: expect.stringContaining(path) });
    }
    const unrelated = await sendArtifact(api, user, { other: "x" }, { name: "unrelated" });
    const refused = await api.refused(
      "artifacts.presign-download",
      { jobId, artifactId: unrelated.artifactId, path: "other" },
      user,
    );
    expect(refused).toMatchObject({ code: "not_found", detail: expect.stringContaining(jobId) });
  },

  "artifacts.upload": async ({ api, user }) => {
    const { jobId } = await api.call("jobs.submit", { command: "true", labels: { never: "there" } }, user);
    const { artifactId, url } = await api.call(
      "artifacts.presign-upload",
      { jobId, name: "report.txt", size: 5, sha256: digestOf("hello") },
      user,
    );
    expect((await api.refused("artifacts.retrieve", { artifactId }, user)).code).toBe("not_found");
    const sent = await fetch(url, { method: "PUT", body: "hello" });
    expect(await sent.json()).toMatchObject({
      artifact: { artifactId, jobId, kind: "attached", type: "file", name: "report.txt", bytes: 5 },
    });
    const { artifacts } = await api.call("artifacts.list", { jobId }, user);
    expect(artifacts.map((one) => one.artifactId)).toEqual([artifactId]);
    const twice = await readProblem(await fetch(url, { method: "PUT", body: "hello" }));
    expect(twice).toMatchObject({ code: "conflict", detail: expect.stringContaining(artifactId) });
  },

  "artifacts.download": async ({ api, user }) => {
    const { artifactId } = await sendArtifact(api, user, FILES, { kind: "input", name: "download" });
    const job = { command: "true", labels: { never: "there" }, inputs: [{ from: `artifact:${artifactId}` }] };
    const { jobId } = await api.call("jobs.submit", job, user);
    const input = { jobId, artifactId, path: "src/b.txt" };
    const { url } = await api.call("artifacts.presign-download", input, user);
    const whole = await fetch(url);
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": "4",
      "content-disposition": `attachment; filename="b.txt"; filename*=UTF-8''b.txt`,
      "x-content-type-options": "nosniff",
      etag: `"${digestOf("beta")}"`,
    });
    expect(await whole.text()).toBe("beta");
    const part = await fetch(url, { headers: { range: "bytes=1-2" } });
    expect(part.status).toBe(206);
    expect(part.headers.get("content-range")).toBe("bytes 1-2/4");
    expect(await part.text()).toBe("et");
    const behind = await readProblem(await fetch(url, { headers: { range: "bytes=4-" } }));
    expect(behind.code).toBe("range_not_satisfiable");
    const head = await fetch(url, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe("4");
  },
} satisfies Partial<Scenarios>;

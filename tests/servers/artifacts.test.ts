import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileLimits } from "../../shared/files/file-limits.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import type { As } from "../support/api.ts";
import { Fleet, type FleetServer } from "../support/fleet.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestMongo } from "../support/mongod.ts";
import { TestS3 } from "../support/moto.ts";
import { PlayedNode } from "../support/played-node.ts";
import { runProgram } from "../support/program.ts";
import { TestRedis } from "../support/redis.ts";
import { makeScratch } from "../support/scratch.ts";
import { entriesOf, readBlobs, sendArtifact } from "../support/sent-files.ts";
import { waitFor } from "../support/wait.ts";

const mongo = forAllTests(await TestMongo.start());
const redis = forAllTests(await TestRedis.start());
const s3 = forAllTests(await TestS3.start());

/** Three servers, and a user who signed in at the first. */
async function startThree(place: Place): Promise<{ fleet: Fleet; servers: Three; user: As }> {
  const database = mongo.url(`artifacts_${crypto.randomUUID().slice(0, 8)}`);
  const env = { TANVRIT_STORE: database, TANVRIT_BUS: redis.url, ...(await place.env()) };
  const fleet = await Fleet.start(["0", "0", "0"], env);
  const servers = fleet.servers as Three;
  return { fleet, servers, user: await servers[0].api.user() };
}

type Three = [FleetServer, FleetServer, FleetServer];

interface Place {
  name: string;
  env(): Promise<Record<string, string>>;
}

const places: Place[] = [
  { name: "GridFS", env: async () => ({}) },
  {
    name: "an S3 server",
    env: async () => ({ ...s3.env, TANVRIT_ARTIFACTS: `s3://${await s3.newBucket()}/files` }),
  },
];

for (const place of places) {
  test(`through ${place.name}, files sent to one server are known to another and reach a node at the third`, async () => {
    const { fleet, servers, user } = await startThree(place);
    await using _ = fleet;
    const [one, two, three] = servers;
    const large = crypto.getRandomValues(new Uint8Array(65_536));
    const files = { "src/": "", "src/a.txt": "hello", "large.bin": Buffer.concat(Array(160).fill(large)) };
    const sent = await sendArtifact(one.api, user, files, { kind: "input" });
    const digests = entriesOf(files).flatMap((entry) =>
      entry.type === "file" ? (entry.parts ?? [entry.sha256]) : [],
    );
    expect(await two.api.call("artifacts.missing", { digests }, user)).toEqual({ missing: [] });
    const again = await sendArtifact(three.api, user, files, { kind: "input" });
    expect(again.artifactId).toBe(sent.artifactId);

    const manifest = {
      command: "true",
      inputs: [{ from: `artifact:${sent.artifactId}` }],
      outputs: ["out/**"],
    };
    const { jobId } = await three.api.call("jobs.submit", manifest, user);
    const node = await PlayedNode.register(two.api, user);
    const { executionId } = await node.take();
    const { inputs } = await one.api.call("nodes.inputs", { executionId }, node.as);
    expect(inputs).toMatchObject([{ to: ".", artifactId: sent.artifactId, tree: sent.tree }]);
    const texts = await readBlobs(three.api, node.as, [
      sha256Of(Buffer.from("hello")),
      ...digests.slice(0, 1),
    ]);
    expect(texts[0]).toBe("hello");

    const outputs = { "out/": "", "out/result.txt": `made by ${executionId}` };
    const made = await sendArtifact(one.api, node.as, outputs, { kind: "output", executionId });
    await node.report(executionId, "SUCCEEDED", { exitCode: 0, artifactId: made.artifactId });
    expect((await one.api.call("jobs.retrieve", { jobId }, user)).artifactId).toBe(made.artifactId);
    const { artifactId } = made;
    const link = { jobId, artifactId, path: "out/result.txt" };
    const { url } = await three.api.call("artifacts.presign-download", link, user);
    // The key file is the same, so any server takes the link.
    const { pathname, search } = new URL(url);
    const answer = await one.api.fetch(pathname + search);
    expect(await answer.text()).toBe(`made by ${executionId}`);
  });

  test(`through ${place.name}, an upload goes on at another server when its own is killed, and nothing is missing`, async () => {
    const { fleet, servers, user } = await startThree(place);
    await using _ = fleet;
    await using scratch = await makeScratch();
    const [first, , third] = servers;
    await fleet.add(new URL(first.api.url).port);
    const directory = scratch.join("data");
    const { begin, end } = await writeFiles(directory);
    const as = (server: FleetServer) => ({
      env: { TANVRIT_URL: server.api.url.replace(/\/$/, ""), TANVRIT_TOKEN: user.token ?? "" },
      timeoutMs: 100_000,
    });
    const upload = runProgram(scratch.path, ["artifact", "upload", directory], as(first));
    const isBegun = async () =>
      (await third.api.call("artifacts.missing", { digests: [begin] }, user)).missing.length === 0;
    await waitFor("the first part to arrive", isBegun, { timeoutMs: 60_000 });
    await first.running.stop("SIGKILL");
    expect(await third.api.call("artifacts.missing", { digests: [end] }, user)).toEqual({ missing: [end] });
    const { exitCode, stdout, stderr } = await upload;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.any(String) });
    const placed = scratch.join("placed");
    const fetched = await runProgram(
      scratch.path,
      ["artifact", "download", stdout.trim(), "--to", placed],
      as(third),
    );
    expect({ exitCode: fetched.exitCode, stderr: fetched.stderr }).toEqual({
      exitCode: 0,
      stderr: expect.any(String),
    });
    expect(await digestsIn(placed)).toEqual(await digestsIn(directory));
  });
}

const LARGE_FILES = 2;
const PARTS_EACH = 12;

/** Writes large files that have nothing in common. Resolves with the digests of the first and the last part. */
async function writeFiles(directory: string): Promise<{ begin: string; end: string }> {
  let [begin, end] = ["", ""];
  for (let i = 0; i < LARGE_FILES; i++) {
    const parts = Array.from({ length: PARTS_EACH }, () => randomBytes(fileLimits.partBytes));
    begin ||= sha256Of(parts[0] ?? new Uint8Array());
    end = sha256Of(parts.at(-1) ?? new Uint8Array());
    await Bun.write(join(directory, `large-${i}.bin`), Buffer.concat(parts));
  }
  return { begin, end };
}

/** The digest of each file in a directory. */
async function digestsIn(directory: string): Promise<Record<string, string>> {
  const names = (await readdir(directory)).sort();
  const digests = await Promise.all(
    names.map((name) => Bun.file(join(directory, name)).bytes().then(sha256Of)),
  );
  return Object.fromEntries(names.map((name, i) => [name, digests[i] ?? ""]));
}

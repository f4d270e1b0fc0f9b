import { expect, test } from "bun:test";
import { chmod, mkdir, readdir, readlink, rm, stat, symlink } from "node:fs/promises";
import { sha256Of } from "../../shared/files/sha256.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { runInTerminal } from "../support/terminal.ts";

const person = forAllTests(await Person.withServer({ agent: ["--slots", "4"] }));
const { home } = person;

/** A fresh directory of the person with these files. */
async function project(name: string, files: Record<string, string>): Promise<string> {
  const path = home.join(name);
  await mkdir(path);
  for (const [file, text] of Object.entries(files)) await Bun.write(`${path}/${file}`, text);
  return path;
}

/** Runs a command in a directory; it must succeed. */
function inside(cwd: string, args: string[]): Promise<string> {
  return person.get(args, { cwd });
}

interface Listed {
  path: string;
  size: number;
  sha256: string;
  mode: string;
  attempt: number;
  artifactId: string;
}

const listed = async (job: string) =>
  JSON.parse(await person.get(["artifact", "list", job, "--json"])) as Listed[];
const lastJob = async () => person.job("@last");
const text = (path: string) => Bun.file(path).text();

test("a job starts among its inputs, and its outputs come back byte for byte", async () => {
  const cwd = await project("first", { "a.txt": "a\n", ".gitignore": "*.log\n", "x.log": "log" });
  await mkdir(`${cwd}/empty`);
  await Bun.write(`${cwd}/bin/run`, "#!/bin/sh\nmkdir out; cp a.txt out/; ls -A\n");
  await chmod(`${cwd}/bin/run`, 0o750);
  await symlink("bin/run", `${cwd}/link`);
  const run = ["job", "run", "--input", ".", "--output", "out/**", "--", "./link"];
  const first = await person.run(run, { cwd });
  expect(first).toMatchObject({ exitCode: 0, stdout: ".gitignore\na.txt\nbin\nempty\nlink\nout\n" });
  const { jobId } = await lastJob();
  expect(first.stderr).toContain(
    `kept 1 file (2 bytes); to fetch: tanvrit-compute artifact download ${jobId}`,
  );
  expect(await listed(jobId)).toMatchObject([
    { path: "out/a.txt", size: 2, sha256: sha256Of(Buffer.from("a\n")), mode: "0644", attempt: 1 },
  ]);
  expect(await person.run(["artifact", "download", jobId, "--to", "got"])).toEqual({
    exitCode: 0,
    stdout: "",
    stderr: "",
  });
  expect(await text(home.join("got/out/a.txt"))).toBe("a\n");
});

test("the second upload of an unchanged tree makes the same artifact, and sends no file", async () => {
  const cwd = await project("second", { "a.txt": "something to send" });
  const upload = ["artifact", "upload", cwd];
  const first = await runInTerminal(home.path, upload, { columns: 80 });
  expect(first.shown).toMatch(/sent \d+ bytes for 1 file \(17 bytes\)\n/);
  const second = await runInTerminal(home.path, upload, { columns: 80 });
  expect(second.shown).toContain("sent nothing: 1 file (17 bytes)");
  const id = await person.get(upload);
  expect(first.shown).toContain(id);
  expect(second.shown).toContain(id);
  const submit = ["--idempotency-key", "tree", "--input", cwd, "--", "true"];
  const job = await person.submit(submit);
  expect(await person.submit(submit)).toBe(job);
  await Bun.write(`${cwd}/a.txt`, "something else");
  expect(await person.run(["job", "submit", ...submit])).toMatchObject({ exitCode: 65, stdout: "" });
});

test("files, directories, contents, artifacts and outputs of jobs go where they are told to go", async () => {
  const cwd = await project("places", { "src/deep/m.c": "m", "data.csv": "1", "a:b.txt": "colon" });
  await mkdir(`${cwd}/none`);
  const id = await inside(cwd, ["artifact", "upload", "src/deep", "--name", "code"]);
  const maker = await inside(cwd, [
    "job",
    "submit",
    "--output",
    "dist/**",
    "--",
    "sh",
    "-c",
    "mkdir -p dist/x; echo o > dist/x/o",
  ]);
  const inputs = [
    ["src"],
    ["src/", "./src/deep/m.c"],
    ["src:code/main"],
    ["data.csv"],
    ["data.csv:in/"],
    ["data.csv:other/name.csv"],
    ["a:b.txt"],
    ["none:empty"],
    ["artifact:code:art"],
    [`artifact:${id.slice(0, 26)}:short`],
    [`job:${maker}/dist/**:results`],
    [`job:${maker.slice(4, 26)}`],
  ].flatMap(([input = ""]) => ["--input", input]);
  const found = await inside(cwd, ["job", "run", ...inputs, "--", "sh", "-c", "find . -mindepth 1 | sort"]);
  expect(found.split("\n").filter((path) => !path.startsWith("./.tanvrit"))).toEqual(
    [
      "a:b.txt",
      "art",
      "art/m.c",
      "code",
      "code/main",
      "code/main/deep",
      "code/main/deep/m.c",
      "data.csv",
      "deep",
      "deep/m.c",
      "dist",
      "dist/x",
      "dist/x/o",
      "empty",
      "in",
      "in/data.csv",
      "other",
      "other/name.csv",
      "results",
      "results/x",
      "results/x/o",
      "short",
      "short/m.c",
      "src",
      "src/deep",
      "src/deep/m.c",
    ].map((path) => `./${path}`),
  );
});

test("outputs of a job that failed come back, with its exit code; problems are named, the others arrive", async () => {
  const cwd = await project("failed", {});
  const script = "mkdir out; echo 1 > out/one; ln -s /etc/passwd out/leads; exit 7";
  const run = await person.run(
    ["job", "run", "--output", "out/**", "--output", "gone", "--download", "back", "--", "sh", "-c", script],
    { cwd },
  );
  expect(run.exitCode).toBe(7);
  expect(await readdir(`${cwd}/back/out`)).toEqual(["one"]);
  expect(run.stderr).toMatch(/output out\/leads: .*leads out/);
  expect(run.stderr).toMatch(/output gone: /);
  const { jobId } = await lastJob();
  const shown = await person.run(["artifact", "list", jobId]);
  expect(shown.stdout).toContain("out/one");
  expect(shown.stderr).toContain("output gone: ");
  expect(await person.get(["job", "get", jobId])).toMatch(/outputProblems\.\d: gone: /);
});

test("each attempt has its own outputs; the newest is taken unless another is asked for", async () => {
  const script = 'echo "$TANVRIT_ATTEMPT" > n; [ "$TANVRIT_ATTEMPT" = 2 ]';
  const run = ["job", "submit", "--wait", "--max-retries", "1", "--output", "n", "--", "sh", "-c", script];
  const jobId = await person.get(run);
  expect((await listed(jobId)).map(({ path, attempt }) => [path, attempt]).sort()).toEqual([
    ["n", 1],
    ["n", 2],
  ]);
  await person.get(["artifact", "download", jobId, "--to", "newest"]);
  expect(await text(home.join("newest/n"))).toBe("2\n");
  await person.get(["artifact", "download", jobId, "--attempt", "1", "--to", "oldest"]);
  expect(await text(home.join("oldest/n"))).toBe("1\n");
  const none = await person.run(["artifact", "download", jobId, "--attempt", "3"]);
  expect(none).toMatchObject({ exitCode: 66, stdout: "" });
  expect(none.stderr).toContain("no outputs of attempt 3");
});

test("the results of a job become variables of another; an array's outputs go into directories by index", async () => {
  const results = 'echo "VERSION=1.4" >> "$TANVRIT_RESULTS"';
  await person.get(["job", "run", "--name", "build", "--", "sh", "-c", results]);
  expect(await person.get(["job", "get", "build"])).toContain("results.VERSION: 1.4");
  const script = 'echo "$VERSION $TANVRIT_ARRAY_INDEX" > r';
  const args = ["--array", "1-2", "--env-from", "build", "--output", "r", "--download", "all"];
  await person.get(["job", "run", ...args, "--", "sh", "-c", script]);
  expect(await text(home.join("all/1/r"))).toBe("1.4 1\n");
  expect(await text(home.join("all/2/r"))).toBe("1.4 2\n");
});

test("a secret reaches the job and is masked on its way back", async () => {
  await person.get(["secret", "set", "token"], { stdin: "a-secret-value\n" });
  const script = 'echo "it is $TOKEN"; wc -c < .netrc; stat -c %a .netrc';
  const args = ["--secret-env", "TOKEN=token", "--secret-file", ".netrc=token"];
  expect(await person.get(["job", "run", ...args, "--", "sh", "-c", script])).toBe("it is ***\n14\n600");
  expect(await person.get(["job", "get", "@last", "--json"])).not.toContain("a-secret-value");
});

test("a job file's paths begin in its directory; a batch and an array send a path only once", async () => {
  const cwd = await project("file", {
    "jobs/job.yaml": 'command: cat in/d\ninputs: [{from: ../data, to: in}]\noutputs: ["in/*"]\n',
    "data/d": "from a file\n",
  });
  expect(await inside(cwd, ["job", "run", "--file", "jobs/job.yaml"])).toBe("from a file");
  const line = (command: string) => JSON.stringify({ command, inputs: [{ from: "../data" }] });
  await Bun.write(`${cwd}/jobs/b.jsonl`, [line("cat data/d"), line("ls")].join("\n"));
  const ids = (await inside(cwd, ["job", "submit", "--batch", "jobs/b.jsonl"])).split("\n");
  expect(ids).toHaveLength(2);
  await person.get(["job", "wait", ...ids]);
  expect(await person.get(["job", "logs", ids[0] ?? ""])).toContain("from a file");
  const jobs = await Promise.all(ids.map((id) => person.job(id)));
  expect(jobs[0]?.inputs).toEqual(jobs[1]?.inputs);
});

test("schedules and templates give their jobs uploaded files", async () => {
  const cwd = await project("later", { "s.sh": "echo from the schedule\n" });
  const id = await inside(cwd, ["artifact", "upload", "s.sh", "--ttl", "forever"]);
  const create = ["schedule", "create", "--cron", "@yearly", "--input", `artifact:${id}`, "--", "sh", "s.sh"];
  const jobId = await person.get(["schedule", "run", await person.get(create)]);
  await person.get(["job", "wait", jobId]);
  expect(await person.get(["job", "logs", jobId])).toContain("from the schedule");
  const template = {
    name: "with-files",
    parameters: [{ name: "data", type: "string", required: true }],
    job: { command: "cat in/s.sh", inputs: [{ from: "artifact:{{data}}", to: "in/s.sh" }] },
  };
  await Bun.write(home.join("t.json"), JSON.stringify(template));
  await person.get(["template", "create", "--file", "t.json"]);
  const run = ["template", "run", "with-files", "--param", `data=${id}`, "--follow"];
  expect(await person.get(run)).toBe("echo from the schedule");
});

test("a download leaves what is there alone, refuses to replace it without --force, and takes only what is asked for", async () => {
  const cwd = await project("keep", { "a.xml": "a", "b.txt": "b", "d/c.xml": "c" });
  const id = await person.get(["artifact", "upload", cwd]);
  await person.get(["artifact", "download", id, "**/*.xml", "--to", "some"]);
  expect((await readdir(home.join("some"), { recursive: true })).sort()).toEqual(["a.xml", "d", "d/c.xml"]);
  await person.get(["artifact", "download", id, "--to", "some"]);
  expect(await text(home.join("some/b.txt"))).toBe("b");
  const again = JSON.parse(await person.get(["artifact", "download", id, "--to", "some", "--json"]));
  expect(again).toEqual({ files: 3, bytes: 3, fetchedBytes: 0 });
  await Bun.write(home.join("some/b.txt"), "mine");
  await rm(home.join("some/a.xml"));
  const refused = await person.run(["artifact", "download", id, "--to", "some"]);
  expect(refused).toMatchObject({ exitCode: 65, stdout: "" });
  expect(refused.stderr).toContain("b.txt: it exists already. Overwrite it with --force");
  expect((await readdir(home.join("some"))).sort()).toEqual(["b.txt", "d"]);
  await person.get(["artifact", "download", id, "--to", "some", "--force"]);
  expect(await text(home.join("some/b.txt"))).toBe("b");
  expect((await stat(home.join("some/a.xml"))).mode & 0o777).toBe(0o644);
  const none = await person.run(["artifact", "download", id, "*.nope", "--to", "new"]);
  expect(none).toMatchObject({ exitCode: 66, stdout: "" });
  expect(await readdir(home.path)).not.toContain("new");
});

test("artifacts are listed, shown and deleted by the start of their id or by name", async () => {
  const cwd = await project("named", { f: "1" });
  await symlink("f", `${cwd}/link`);
  const id = await person.get(["artifact", "upload", cwd, "--name", "my-set", "--ttl", "7d"]);
  const shown = await person.get(["artifact", "get", "my-set"]);
  expect(shown).toContain(`artifactId: ${id}`);
  expect(shown).toMatch(/files: 1\n.*size: 1 byte\n/s);
  expect(await person.get(["artifact", "list", "--kind", "upload"])).toContain(id);
  await person.get(["artifact", "download", id.slice(0, 28), "--to", "by-prefix"]);
  expect(await readlink(home.join("by-prefix/link"))).toBe("f");
  const deleted = await person.run(["artifact", "delete", "my-set"]);
  expect(deleted).toMatchObject({ exitCode: 0, stdout: "", stderr: "tanvrit-compute: 1 artifact deleted\n" });
  expect((await person.run(["artifact", "get", id])).exitCode).toBe(66);
  expect((await person.run(["artifact", "delete", id])).exitCode).toBe(66);
});

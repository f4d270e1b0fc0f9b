import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { program, programEnv } from "../support/program.ts";
import { within } from "../support/wait.ts";

const READ_LIMIT_MS = 60_000;

const person = forAllTests(await Person.withServer({ agent: ["--slots", "4"] }));

async function bytesOf(args: string[]): Promise<Buffer> {
  const running = Bun.spawn([...program(), ...args], {
    cwd: person.home.path,
    env: programEnv(person.home.path),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  try {
    const ended = Promise.all([new Response(running.stdout).arrayBuffer(), running.exited]);
    const [bytes, exitCode] = await within(READ_LIMIT_MS, args.join(" "), ended);
    expect(exitCode).toBe(0);
    return Buffer.from(bytes);
  } finally {
    running.kill("SIGKILL");
  }
}

test("job run and job logs print bytes that are not UTF-8 as the job wrote them", async () => {
  for (const octal of [
    "\\200\\377A",
    "caf\\351\\nna\\303\\257ve\\n",
    "\\0\\r\\n\\377\\0\\n",
    "\\355\\240\\200\\n\\342\\202",
  ]) {
    const expected = Buffer.from(Bun.spawnSync(["printf", octal]).stdout);
    expect(await bytesOf(["job", "run", "--", "printf", octal])).toEqual(expected);
    const id = await person.submit(["--wait", "--", "printf", octal]);
    expect(await bytesOf(["job", "logs", id])).toEqual(expected);
  }
});

test("megabytes of noise come out unchanged, followed live and read later", async () => {
  const path = person.home.join("noise");
  const name = "noise";
  const command = `head -c 4000000 /dev/urandom | tee ${path}`;
  const followed = await bytesOf(["job", "run", "--name", name, "--", "sh", "-c", command]);
  const noise = await readFile(path);
  expect(noise.equals(followed)).toBe(true);
  const [job] = JSON.parse(await person.get(["job", "list", "--name", name, "--json"]));
  expect(noise.equals(await bytesOf(["job", "logs", job.jobId]))).toBe(true);
});

test("in JSON, a line that is not UTF-8 shows replacement characters and has its bytes next to them", async () => {
  const id = await person.submit(["--wait", "--", "printf", "plain\\ncaf\\351\\n"]);
  const lines = Bun.JSONL.parse(await person.get(["job", "logs", "--json", id]));
  expect(lines[0]).not.toHaveProperty("bytes");
  expect(lines[0]).not.toHaveProperty("encoding");
  expect(lines[1]).toMatchObject({ text: "caf\ufffd", encoding: "base64", bytes: btoa("caf\xe9") });
  const compute = await person.client();
  const events = await Array.fromAsync(compute.jobs.follow(id, { whole: true }));
  const texts = events.flatMap((event) => (event.event === "log" ? [event.data.text] : []));
  expect(texts).toEqual(["plain", "caf\ufffd"]);
});

test("job logs -n counts lines, however long they are, including a last line without newline", async () => {
  const long = "head -c 100000 /dev/zero | tr '\\0' x";
  const id = await person.submit(["--wait", "--", "sh", "-c", `echo a; ${long}; echo; echo b; printf c`]);
  expect(await person.get(["job", "logs", "-n", "1", id])).toBe("c");
  expect(await person.get(["job", "logs", "-n", "2", id])).toBe("b\nc");
  expect(await person.get(["job", "logs", "-n", "3", id])).toBe(`${"x".repeat(100_000)}\nb\nc`);
  expect(await person.get(["job", "logs", "-n", "4", id])).toBe(`a\n${"x".repeat(100_000)}\nb\nc`);
});

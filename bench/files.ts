/**
 * Measures how files get to a job, through the built binary with server and agent as separate processes: found, sent,
 * fetched by the agent and placed in the job's directory. Next to it, what other programs take for the same files.
 *
 * Nothing is removed in between: ext4 without a journal does not use the inode of a removed file again for a minute, and
 * looks for another one at every new file, which then takes three times as long.
 *
 *     bun run bench:files                            50,000 small files, and one of 2 GiB
 *     bun run bench:files --files 5000 --mb 200      smaller, sooner
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { parseArgs } from "node:util";
import { bytesText, MIB } from "../shared/bytes-text.ts";
import { Person } from "../tests/support/person.ts";
import { program, programEnv } from "../tests/support/program.ts";
import { makeScratch, type Scratch } from "../tests/support/scratch.ts";
import { TestServer } from "../tests/support/server.ts";
import { supervisorsBelow } from "../tests/support/supervisors.ts";

const FILES_PER_DIRECTORY = 500;
const LARGEST_SMALL_BYTES = 3_200;
const CHUNK_BYTES = 8 * MIB;
const PAGE_BYTES = 4_096;
const WATCH_MS = 20;
const MAX_MEMORY_BYTES = 150 * MIB;
/** The jobs end when there is a file of this name. */
const DONE = "done";
const aims = {
  /** Times the pipe of tar and the hashing. */
  small: 1.5,
  /** Times the copy and the hashing: half their speed. */
  large: 2,
};

/** Prints the digest of the paths, modes, times and contents of everything below the current directory. */
const DIGEST = [
  "{ find . -mindepth 1 ! -path './.tanvrit*' -printf '%P %M %l\\n'",
  "find . -type f ! -path './.tanvrit*' -printf '%P %T@\\n' | sed 's/\\.\\([0-9]\\{3\\}\\)[0-9]*$/.\\1/'",
  "find . -type f ! -path './.tanvrit*' -exec sha256sum {} +; } | LC_ALL=C sort | sha256sum",
].join("; ");

const { values } = parseArgs({
  options: { files: { type: "string", default: "50000" }, mb: { type: "string", default: "2048" } },
});
process.env.TANVRIT_TEST_BINARY ??= join(import.meta.dirname, "..", "dist", "tanvrit-compute");

await using opened = new AsyncDisposableStack();
const scratch = opened.use(await makeScratch());
const server = opened.use(await TestServer.start());
const person = opened.use(await Person.signIn(server));
const agent = await person.startAgent(["--slots", "2"]);

makeSmall(join(scratch.path, "small"), Number(values.files));
makeLarge(join(scratch.path, "large"), Number(values.mb));
const isGood = [
  await measure(
    "small",
    `${values.files} small files`,
    "tar c -C .. small | cat | tar x -C copy; find ../small -type f -exec sha256sum {} + >/dev/null",
  ),
  await measure(
    "large",
    `one file of ${values.mb} MiB`,
    "cp ../large/file copy; sha256sum ../large/file >/dev/null",
  ),
  reportMemory(),
];
process.exitCode = isGood.every(Boolean) ? 0 : 1;

/** Prints how long it took, and the same with other programs before and after. Returns whether the aim was met. */
async function measure(name: keyof typeof aims, what: string, others: string): Promise<boolean> {
  const before = secondsOf(scratch, others);
  const first = await startJob(name);
  const after = secondsOf(scratch, others);
  const again = await startJob(name);
  await Bun.write(join(scratch.path, DONE), "");
  const ratio = (2 * first.seconds) / (before + after);
  console.log(`${what}:`);
  console.log(`  ${others}: ${before.toFixed(1)} s before, ${after.toFixed(1)} s after`);
  console.log(
    `  sent and placed: ${first.seconds.toFixed(1)} s, ${ratio.toFixed(2)} times that (aim: <= ${aims[name]})`,
  );
  console.log(`  sent and placed again: ${again.seconds.toFixed(1)} s`);
  const [one, other] = [await first.over, await again.over];
  rmSync(join(scratch.path, DONE));
  const isSame = one.digest === other.digest && one.digest === digestOf(join(scratch.path, name));
  console.log(`  ${isSame ? "placed exactly" : "NOT placed exactly"}`);
  const memoryBytes = Math.max(one.memoryBytes, other.memoryBytes);
  console.log(`  memory of the command line: ${bytesText(memoryBytes)}`);
  return isSame && ratio <= aims[name] && memoryBytes <= MAX_MEMORY_BYTES;
}

interface StartedJob {
  /** From the command to its start. */
  seconds: number;
  /** What it found, once it may end. */
  over: Promise<{ digest: string; memoryBytes: number }>;
}

/** Runs a job that gets the files. Resolves when it has started; it then waits until `DONE` is there, and compares what it got. */
async function startJob(name: string): Promise<StartedJob> {
  const wait = `until [ -e ${join(scratch.path, DONE)} ]; do sleep 0.1; done`;
  const command = [
    "job",
    "run",
    "--input",
    join(scratch.path, `${name}/`),
    "--",
    "sh",
    "-c",
    `date +%s.%N; ${wait}; ${DIGEST}`,
  ];
  const startedMs = Date.now();
  const running = Bun.spawn([...program(), ...command], {
    cwd: scratch.path,
    env: programEnv(person.home.path),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 600_000,
  });
  // What the system reports after the exit also counts this process, from which the other was forked.
  let memoryBytes = 0;
  const watching = setInterval(() => {
    memoryBytes = Math.max(memoryBytes, mostMemoryOf(running.pid));
  }, WATCH_MS);
  const stderr = new Response(running.stderr).text();
  const lines = createInterface({ input: Readable.from(running.stdout) })[Symbol.asyncIterator]();
  const seconds = Number((await lines.next()).value) - startedMs / 1_000;
  const over = async () => {
    const digest = (await lines.next()).value ?? "";
    const exitCode = await running.exited;
    clearInterval(watching);
    if (exitCode !== 0) throw new Error(`the job ended with ${exitCode}: ${await stderr}`);
    return { digest, memoryBytes };
  };
  return { seconds, over: over() };
}

function digestOf(directory: string): string {
  return Bun.spawnSync(["sh", "-c", DIGEST], { cwd: directory }).stdout.toString().trim();
}

function secondsOf({ path: whole }: Scratch, command: string): number {
  const path = mkdtempSync(join(whole, "others-"));
  Bun.spawnSync(["sh", "-c", "mkdir copy; sync"], { cwd: path });
  const startedMs = performance.now();
  const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", `set -e; ${command}`], { cwd: path });
  if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode}: ${stderr}`);
  return (performance.now() - startedMs) / 1_000;
}

/** Prints the most memory that server and agent ever had. Returns whether the aim was met. */
function reportMemory(): boolean {
  const processes = {
    server: [server.pid],
    agent: [agent.process.pid, ...supervisorsBelow(person.home.path)],
  };
  const most = Object.entries(processes).map(([name, pids]) => ({
    name,
    bytes: Math.max(...pids.map(mostMemoryOf)),
  }));
  for (const { name, bytes } of most)
    console.log(`memory of the ${name}: ${bytesText(bytes)} (aim: <= ${bytesText(MAX_MEMORY_BYTES)})`);
  return most.every(({ bytes }) => bytes <= MAX_MEMORY_BYTES);
}

/** 0 for a process that has ended. */
function mostMemoryOf(pid: number): number {
  const status = `/proc/${pid}/status`;
  const [, kib = 0] = (existsSync(status) && /VmHWM:\s+(\d+)/.exec(readFileSync(status, "utf8"))) || [];
  return Number(kib) * 1_024;
}

function makeSmall(at: string, files: number): void {
  mkdirSync(join(at, "empty"), { recursive: true });
  for (let i = 0; i < files; i++) {
    const directory = join(at, `d${Math.floor(i / FILES_PER_DIRECTORY)}`);
    if (i % FILES_PER_DIRECTORY === 0) mkdirSync(directory);
    const content = Buffer.alloc(1 + ((i * 37) % LARGEST_SMALL_BYTES), `file ${i}, `);
    const file = openSync(join(directory, `file-${i}.txt`), "w", i % 10 === 0 ? 0o755 : 0o644);
    writeSync(file, content);
    closeSync(file);
  }
}

function makeLarge(at: string, mb: number): void {
  mkdirSync(at);
  const chunk = crypto.getRandomValues(Buffer.alloc(PAGE_BYTES)).toString("latin1");
  const content = Buffer.alloc(CHUNK_BYTES, chunk, "latin1");
  const file = openSync(join(at, "file"), "w");
  for (let written = 0; written < mb * MIB; written += content.length) {
    // No part is like another.
    for (let i = 0; i < content.length; i += PAGE_BYTES) content.writeUInt32LE((written + i) / PAGE_BYTES, i);
    writeSync(file, content, 0, Math.min(content.length, mb * MIB - written));
  }
  closeSync(file);
}

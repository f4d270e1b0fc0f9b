import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeScratch, type Scratch } from "../../tests/support/scratch.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { detectMachine, hasBrokenGpus, lookAgain, lookAtMachine, withGpuCount } from "./detect.ts";
import { engineAnswers } from "./docker.ts";
import { taskGpu } from "./gpu.ts";

const never = new AbortController().signal;
const FIXTURES = join(import.meta.dirname, "fixtures");

/** A machine whose PATH holds only these tools, each a shell script. */
async function machineWith(
  tools: Record<string, string>,
  more: { timeoutMs?: number; platform?: NodeJS.Platform; environment?: Record<string, string> } = {},
) {
  await using scratch = await makeScratch();
  const environment = await toolbox(scratch, tools);
  const startMs = performance.now();
  const machine = await detectMachine({
    ...more,
    platform: more.platform ?? "linux",
    environment: { ...environment, ...more.environment },
  });
  return { machine, tookMs: performance.now() - startMs };
}

async function toolbox(scratch: Scratch, tools: Record<string, string>) {
  const bin = scratch.join("bin");
  await mkdir(bin);
  for (const [name, script] of Object.entries(tools)) {
    await writeFile(join(bin, name), `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  return {
    PATH: bin,
    HOME: scratch.path,
    DOCKER_HOST: `unix://${scratch.join("no-engine.sock")}`,
    ROCM_PATH: bin,
  };
}

const print = (fixture: string) => `cat '${join(FIXTURES, fixture)}'`;
const nvidiaSmi = (name: string) =>
  `if [ "$1" = -L ]; then ${print(`nvidia/${name}.list.txt`)}; else ${print(`nvidia/${name}.xml`)}; fi`;
/** Leaves out problems with a container engine of the machine that runs the tests, such as the socket of a stopped engine. */
const gpuProblems = (problems: string[]) =>
  problems.filter((text) => !text.includes("Docker jobs are not accepted"));

test("a machine without any of the tools has no GPUs and no SDKs, and that is not a problem", async () => {
  const { machine } = await machineWith({}, { environment: { DOCKER_HOST: "" } });
  expect(machine.gpus).toEqual([]);
  expect(machine.labels).toMatchObject({ hostname: machine.host.hostname });
  expect(Object.keys(machine.labels).filter((key) => /^(gpu|cuda|rocm|metal|android)/.test(key))).toEqual([]);
  expect(gpuProblems(machine.problems)).toEqual([]);
});

test("the tools' answers become numbered devices and labels", async () => {
  const { machine } = await machineWith({ "nvidia-smi": nvidiaSmi("535.54.03-a100-80gb-mig-and-whole") });
  expect(machine.gpus.map(({ index, model }) => [index, model])).toEqual([
    [0, "NVIDIA A100-SXM4-80GB MIG 1g.20gb"],
    [1, "NVIDIA A100-SXM4-80GB MIG 1g.20gb"],
    [2, "NVIDIA A100-SXM4-80GB MIG 1g.20gb"],
    [3, "NVIDIA A100-SXM4-80GB MIG 1g.20gb"],
    [4, "NVIDIA A100-SXM4-80GB"],
    [5, "NVIDIA A100-SXM4-80GB"],
  ]);
  expect(machine.nvidia).toEqual({ driver: "535.54.03", cudaVersion: "12.2" });
  expect(gpuProblems(machine.problems)).toEqual([]);
});

const failures: [string, string, RegExp][] = [
  ["no driver", `${print("nvidia/no-driver.txt")}; exit 9`, /exit code 9: NVIDIA-SMI has failed because/],
  ["no device", `${print("nvidia/no-devices.txt")}; exit 6`, /exit code 6: No devices were found/],
  [
    "another driver",
    `${print("nvidia/version-mismatch.txt")}; exit 18`,
    /exit code 18: Failed to initialize NVML/,
  ],
  [
    "a lost GPU",
    `${print("nvidia/gpu-lost.txt")}; exit 6`,
    /exit code 6: Unable to determine the device handle/,
  ],
  ["nonsense", "echo 'segfault at \\033[31m 0'; echo more", /printed no whole report, but: segfault at/],
  ["nothing", "exit 0", /printed no whole report, but: nothing/],
  ["an empty report", "echo '<nvidia_smi_log></nvidia_smi_log>'", /installed but finds no NVIDIA GPU/],
  ["10 MB", "head -c 10000000 /dev/zero", /printed more than 8 MiB/],
  ["a crash", "kill -SEGV $$", /exit code 139/],
  [
    "a broken report",
    "echo '<nvidia_smi_log><gpu>'; echo '</nvidia_smi_log>'",
    /printed a report that cannot be read: .*<\/gpu>/,
  ],
  ["half a report", "echo '<nvidia_smi_log>'; echo '<gpu id=\"0\">'", /printed no whole report/],
];

test.each(failures)("an nvidia-smi with %s means no GPU, and says why", async (_, script, problem) => {
  const { machine } = await machineWith({ "nvidia-smi": script });
  expect(machine.gpus).toEqual([]);
  expect(gpuProblems(machine.problems)).toEqual([expect.stringMatching(problem)]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is that none are left
  expect(machine.problems.join("")).not.toMatch(/[\u0000-\u001f]|[.?!:]\./);
});

test("a tool that lists everything and then fails is believed, and its exit code is reported", async () => {
  const nvidia = await machineWith({
    "nvidia-smi": `echo 'WARNING: infoROM is corrupted at gpu 0000:00:1E.0'; ${nvidiaSmi("470.57.02-tesla-t4")}; exit 14`,
  });
  expect(nvidia.machine.gpus).toMatchObject([{ model: "Tesla T4", uuid: expect.stringMatching(/^GPU-/) }]);
  expect(gpuProblems(nvidia.machine.problems)).toEqual([
    expect.stringMatching(
      /exit code 14: WARNING: infoROM is corrupted .*\. What it listed is offered to jobs\.$/,
    ),
  ]);
  const amd = await machineWith({ "rocm-smi": `${print("rocm/rocm-smi-5.2-mi250.txt")}; exit 2` });
  expect(amd.machine.gpus).toHaveLength(3);
  expect(gpuProblems(amd.machine.problems)).toEqual([
    expect.stringMatching(/^rocm-smi ended with exit code 2/),
  ]);
});

test("a tool's output counts when the tool ends, even if something it started holds the output open", async () => {
  const timeoutMs = 20_000;
  const tools = { "nvidia-smi": `sleep 600 & setsid sleep 30 & ${nvidiaSmi("470.57.02-tesla-t4")}` };
  const { machine, tookMs } = await machineWith(tools, { timeoutMs });
  expect(machine.gpus).toHaveLength(1);
  expect(gpuProblems(machine.problems)).toEqual([]);
  expect(tookMs).toBeLessThan(timeoutMs / 2);
});

test("if nvidia-smi crashes while it writes its report, it is asked for the few facts that matter", async () => {
  const rows = [
    "GPU-00000000-0000-0000-0000-00000000000a, NVIDIA RTX A4000, 16376, 536.23",
    "GPU-00000000-0000-0000-0000-00000000000b, NVIDIA RTX A4000, [N/A], 536.23",
  ].join("\n");
  const { machine } = await machineWith({
    "nvidia-smi": `case "$1" in --query-gpu=*) echo '${rows}';; -*) kill -SEGV $$;;
      *) echo '| NVIDIA-SMI 535.54    Driver Version: 536.23    CUDA Version: 12.2     |';; esac`,
  });
  expect(machine.gpus.map(({ index, memoryMb }) => [index, memoryMb])).toEqual([
    [0, 16_376],
    [1, undefined],
  ]);
  expect(machine.labels).toMatchObject({ "gpu.count": "2", "cuda.version": "12.2", "gpu.driver": "536.23" });
  expect(gpuProblems(machine.problems)).toEqual([]);
});

test("a hanging amd-smi leaves time to ask rocm-smi, and is reported", async () => {
  const tools = { "amd-smi": "sleep 600", "rocm-smi": print("rocm/rocm-smi-6.1.2-rx6700xt.json") };
  const { machine } = await machineWith(tools, { timeoutMs: 2_000 });
  expect(machine.gpus).toHaveLength(1);
  expect(gpuProblems(machine.problems)).toEqual([
    "amd-smi did not answer within 1 s. rocm-smi is asked instead.",
  ]);
});

test("warnings around the JSON of a tool are skipped, whatever they begin with", async () => {
  const list = print("rocm/amd-smi-6.4-mi300x-x2.json");
  const { machine } = await machineWith({
    "amd-smi": `echo '[2026-01-01] {odd}'; ${list}; echo 'done [with it'`,
  });
  expect(machine.gpus).toHaveLength(2);
});

test("a tool answers in English, whatever the language of the agent", async () => {
  const tools = { "nvidia-smi": `[ "$LC_ALL" = C ] && ${print("nvidia/no-devices.txt")}; exit 6` };
  const { machine } = await machineWith(tools, { environment: { LC_ALL: "de_DE.UTF-8" } });
  expect(gpuProblems(machine.problems)).toEqual([expect.stringContaining("No devices were found")]);
});

test("a read that never ends, as on a disk that hangs, delays detection no longer than the timeout", async () => {
  await using scratch = await makeScratch();
  const environment = { ...(await toolbox(scratch, {})), ANDROID_HOME: scratch.path };
  const hangs = scratch.join("platform-tools", "source.properties");
  await mkdir(scratch.join("platform-tools"));
  Bun.spawnSync(["mkfifo", hangs]);
  const machine = await detectMachine({ environment, platform: "linux", timeoutMs: 300 });
  expect(machine.problems).toContain(
    "Looking for an Android SDK took longer than 0.3 s, so it was given up.",
  );
  // Lets the reader that was given up reach the end of the file.
  Bun.spawnSync(["sh", "-c", ': >"$1"', "sh", hangs], { timeout: 5_000 });
});

test("a tool that cannot be run is reported", async () => {
  await using scratch = await makeScratch();
  const environment = await toolbox(scratch, {});
  await writeFile(join(environment.PATH, "nvidia-smi"), "#!/no/such/interpreter\n");
  await chmod(join(environment.PATH, "nvidia-smi"), 0o755);
  const machine = await detectMachine({ environment, platform: "linux" });
  expect(gpuProblems(machine.problems)).toEqual([expect.stringMatching(/^nvidia-smi cannot be run/)]);
});

test("even if all tools hang, detection takes no longer than the timeout, and none of their processes is left", async () => {
  await using scratch = await makeScratch();
  const marks = scratch.join("pids");
  // Each ignores TERM and has a child that holds its output open.
  const hang = `trap '' TERM; sleep 600 & echo $$ $! >> '${marks}'; wait`;
  const timeoutMs = 600;
  const tools = { "nvidia-smi": hang, "amd-smi": hang, "rocm-smi": hang };
  const { machine, tookMs } = await machineWith(tools, { timeoutMs });
  // Leaves room for a busy machine; each of the tools would take ten minutes.
  expect(tookMs).toBeLessThan(timeoutMs + 5_000);
  expect(machine.gpus).toEqual([]);
  expect(machine.problems.join("\n")).toMatch(/nvidia-smi did not answer within 0.6 s/);
  // Half of the time is reserved for rocm-smi.
  expect(machine.problems.join("\n")).toMatch(/amd-smi did not answer within 0.3 s/);
  expect(machine.problems.join("\n")).toMatch(/rocm-smi did not answer within 0.6 s/);
  // At most two calls each of nvidia-smi and amd-smi and one of rocm-smi, each with a child.
  const pids = (await readFile(marks, "utf8")).trim().split(/\s+/);
  expect(pids.length).toBeWithin(2, 11);
  await waitFor("the tools and their children to be gone", () => !pids.some(isRunning));
});

/** Whether a process still runs; a dead one that was not reaped does not. */
function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

test("a hanging nvidia-smi does not hide other vendors' GPUs", async () => {
  const { machine } = await machineWith(
    { "nvidia-smi": "sleep 600", "amd-smi": print("rocm/amd-smi-6.4-mi300x-x2.json") },
    { timeoutMs: 600 },
  );
  expect(machine.labels).toMatchObject({ "gpu.vendor": "amd", "gpu.count": "2" });
});

test("if amd-smi does not work, rocm-smi is asked, and ROCm's version is read from where it is installed", async () => {
  await using scratch = await makeScratch();
  await mkdir(scratch.join(".info"));
  await writeFile(scratch.join(".info", "version"), "5.7.1-98\n");
  const { machine } = await machineWith(
    {
      "amd-smi": `${print("rocm/amd-smi-none.txt")} >&2; exit 1`,
      "rocm-smi": print("rocm/rocm-smi-5.2-mi250.txt"),
    },
    { environment: { ROCM_PATH: scratch.path } },
  );
  expect(machine.rocm).toEqual({ driver: "5.13.20.22.10", rocmVersion: "5.7.1" });
  expect(machine.gpus).toHaveLength(3);
  expect(gpuProblems(machine.problems)).toEqual([
    expect.stringMatching(/^amd-smi ended with exit code 1: ERROR.* rocm-smi is asked instead\.$/),
  ]);
});

test("amd-smi reports the version of ROCm itself", async () => {
  const script = `if [ "$1" = version ]; then ${print("rocm/amd-smi-version-6.4.json")}; else ${print("rocm/amd-smi-6.4-mi300x-x2.json")}; fi`;
  const { machine } = await machineWith({ "amd-smi": script });
  expect(machine.labels).toMatchObject({ rocm: "true", "rocm.version": "6.4.0" });
});

test("AMD's tools report when they find no GPU", async () => {
  const { machine } = await machineWith({
    "amd-smi": `${print("rocm/amd-smi-none.txt")} >&2; exit 1`,
    "rocm-smi": print("rocm/rocm-smi-none.txt"),
  });
  expect(gpuProblems(machine.problems)).toEqual([
    expect.stringMatching(/^amd-smi ended with exit code 1: ERROR:root:Unable to detect any GPU/),
    expect.stringMatching(/^rocm-smi printed no list of GPUs, but: WARNING: No AMD GPUs specified/),
  ]);
});

test("a machine with GPUs of two vendors offers those of one vendor and names the others", async () => {
  const { machine } = await machineWith({
    "nvidia-smi": nvidiaSmi("550.54.15-rtx-4090-and-3060"),
    "amd-smi": print("rocm/amd-smi-7.2-rx9070xt.json"),
  });
  expect(machine.labels).toMatchObject({ "gpu.vendor": "nvidia", "gpu.count": "2" });
  expect(machine.labels).not.toHaveProperty("rocm");
  expect(machine.problems.join()).toContain("Not offered to jobs: AMD Radeon RX 9070 XT.");
});

test("system_profiler is run only on a Mac", async () => {
  const tools = { system_profiler: print("metal/macos-13-m1.json") };
  const mac = await machineWith(tools, { platform: "darwin" });
  expect(mac.machine.labels).toMatchObject({ metal: "true", "gpu.model": "Apple M1" });
  expect((await machineWith(tools)).machine.gpus).toEqual([]);
});

test("the owner's gpuCount keeps the first devices, and the labels that are true for them", async () => {
  const { machine } = await machineWith({ "nvidia-smi": nvidiaSmi("550.54.15-rtx-4090-and-3060") });
  expect(withGpuCount(machine, undefined)).toEqual(machine);
  expect(withGpuCount(machine, 1).labels).toMatchObject({
    "gpu.count": "1",
    "gpu.model": "NVIDIA GeForce RTX 4090",
    "gpu.memoryMb": "24564",
  });
  const { gpus, labels } = withGpuCount(machine, 0);
  expect(gpus).toEqual([]);
  expect(Object.keys(labels).filter((key) => /gpu|cuda/.test(key))).toEqual([]);
});

test("a task gets a device by its vendor, its number and its UUID", async () => {
  const { machine } = await machineWith({ "nvidia-smi": nvidiaSmi("550.54.15-h100-x8") });
  const uuid = machine.gpus[5]?.uuid;
  expect(uuid).toStartWith("GPU-");
  expect(machine.gpus.map(taskGpu)[5]).toEqual({ vendor: "nvidia", index: 5, uuid });
});

test("GPUs that a tool could not list are found by a later look, and stay even if the tool fails again", async () => {
  await using scratch = await makeScratch();
  const environment = await toolbox(scratch, { "nvidia-smi": "exit 1" });
  const options = { platform: "linux", environment } as const;
  const tool = join(environment.PATH, "nvidia-smi");
  const broken = await lookAtMachine(options);
  expect(hasBrokenGpus(broken)).toBe(true);
  await writeFile(tool, `#!/bin/sh\nPATH=/usr/bin:/bin\n${nvidiaSmi("550.54.15-h100-x8")}\n`);
  const found = await lookAgain(broken, options);
  expect(hasBrokenGpus(found)).toBe(false);
  expect(found.machine.gpus).toHaveLength(8);
  await writeFile(tool, "#!/bin/sh\nexit 1\n");
  const kept = await lookAgain(found, options);
  expect(kept.machine.gpus).toHaveLength(8);
});

test("a later look finds a new engine, and no longer lists an engine that is gone", async () => {
  await using scratch = await makeScratch();
  const environment = await toolbox(scratch, {});
  const options = { platform: "linux", environment } as const;
  const before = await lookAtMachine(options);
  expect(await engineAnswers(environment, never)).toBe(false);
  const version = { Version: "27.0.1", ApiVersion: "1.46" };
  const answers = { "/_ping": "OK", "/version": version, "/info": { OSType: "linux" } };
  const server = Bun.serve({
    unix: scratch.join("no-engine.sock"),
    fetch: ({ url }) =>
      Response.json(answers[new URL(url).pathname.replace(/^\/v[\d.]+/, "") as keyof typeof answers]),
  });
  expect(await engineAnswers(environment, never)).toBe(true);
  const came = await lookAgain(before, options);
  expect(came.machine.docker).toMatchObject({ version: "27.0.1" });
  await server.stop(true);
  const gone = await lookAgain(came, options);
  expect(gone.machine.docker).toBeUndefined();
});

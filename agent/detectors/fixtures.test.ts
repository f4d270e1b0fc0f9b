import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isDetectedLabel } from "../../shared/grants.ts";
import { type Labels, labels as labelsSchema } from "../../shared/labels.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { detectAndroid } from "./android.ts";
import { type Findings, machineOf } from "./detect.ts";
import { parseEngine } from "./docker.ts";
import { absent } from "./finding.ts";
import { parseMetal } from "./metal.ts";
import { parseNvidia } from "./nvidia.ts";
import { parseAmdSmi, parseRocmSmi } from "./rocm.ts";
import { asRecord } from "./tool-text.ts";

const FIXTURES = join(import.meta.dirname, "fixtures");
const MEMORY_MB = 32_768;

const fixture = (path: string) => readFile(join(FIXTURES, path), "utf8");

/** A machine on which only this was found. */
function seen(findings: Partial<Findings>) {
  const host = { hostname: "box", cpuCount: 8, memoryMb: MEMORY_MB, labels: {} };
  const none = { nvidia: absent(), rocm: absent(), metal: absent(), docker: absent(), android: absent() };
  const machine = machineOf(host, { ...none, ...findings } as Findings);
  expect(labelsSchema().parse(machine.labels)).toEqual(machine.labels);
  // Detected labels are never ones that need a grant.
  expect(Object.keys(machine.labels).filter((key) => !isDetectedLabel(key))).toEqual([]);
  return machine;
}

const nvidia = (
  count: number,
  driver: string,
  cuda: string | undefined,
  memoryMb: number | undefined,
): Labels => ({
  "gpu.vendor": "nvidia",
  "gpu.count": String(count),
  ...(memoryMb === undefined ? {} : { "gpu.memoryMb": String(memoryMb) }),
  "gpu.driver": driver,
  cuda: "true",
  ...(cuda === undefined ? {} : { "cuda.version": cuda }),
});
const model = (name: string): Labels => ({ "gpu.model": name });
const mig = (profile: string): Labels => ({ "gpu.mig": "true", "gpu.mig.profile": profile });

const nvidiaCases: Record<string, Labels> = {
  "450.80.02-a100-40gb-mig": {
    ...nvidia(3, "450.80.02", "11.0", 4_864),
    ...model("A100-SXM4-40GB MIG 1g.5gb"),
    ...mig("1g.5gb"),
  },
  "470.57.02-tesla-t4": { ...nvidia(1, "470.57.02", "11.4", 15_109), ...model("Tesla T4") },
  "515.105.01-tesla-t4": { ...nvidia(1, "515.105.01", "11.7", 15_360), ...model("Tesla T4") },
  // Four instances and two whole GPUs: only labels that are true for all of them are set.
  "535.54.03-a100-80gb-mig-and-whole": nvidia(6, "535.54.03", "12.2", 19_968),
  "550.54.14-gtx-1070": {
    ...nvidia(1, "550.54.14", undefined, 8_192),
    ...model("NVIDIA GeForce GTX 1070"),
  },
  "550.54.15-h100-x8": { ...nvidia(8, "550.54.15", "12.4", 81_559), ...model("NVIDIA H100 80GB HBM3") },
  "550.54.15-rtx-4090-and-3060": nvidia(2, "550.54.15", "12.4", 12_288),
  "570.124.06-h200-mig": { ...nvidia(6, "570.124.06", "12.8", 16_384), "gpu.mig": "true" },
  "570.124.06-h200-mig-empty": {},
  "580.95.05-gb10": { ...nvidia(1, "580.95.05", "13.0", undefined), ...model("NVIDIA GB10") },
  "590.44.01-rtx-pro-6000": {
    ...nvidia(1, "590.44.01", "13.1", 97_887),
    ...model("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition"),
  },
};

test.each(Object.entries(nvidiaCases))("nvidia-smi %s gives its labels", async (name, expected) => {
  const report = await fixture(`nvidia/${name}.xml`);
  const { labels, gpus } = seen({ nvidia: parseNvidia(report, await fixture(`nvidia/${name}.list.txt`)) });
  expect(labels).toEqual(expected);
  expect(gpus.map((gpu) => gpu.index)).toEqual(gpus.map((_, i) => i));
  expect(new Set(gpus.map((gpu) => gpu.uuid)).size).toBe(gpus.length);
  for (const gpu of gpus) expect(gpu.uuid).toMatch(gpu.mig ? /^MIG-/ : /^GPU-/);
});

test("a megabyte of almost valid output is read quickly", () => {
  const many = (text: string) => text.repeat(1_000_000 / text.length);
  const startMs = performance.now();
  for (const text of ['<gpu id="0">', '<gpu id="0"><mig_devices><mig_device>', "<gpu id=</gpu>", " \n"]) {
    expect(parseNvidia(`<nvidia_smi_log>${many(text)}`, many("GPU 0: ")).found).toBeUndefined();
    expect(() => parseRocmSmi(many(text))).toThrow();
  }
  expect(performance.now() - startMs).toBeLessThan(3_000);
});

test("a fact that a tool does not know becomes no label, however the tool writes that", async () => {
  const report = (await fixture("nvidia/470.57.02-tesla-t4.xml"))
    .replace(/(<cuda_version>)[^<]*/, "$1[Not Supported]")
    .replace(/(<driver_version>)[^<]*/, "$1[Unknown Error]")
    .replaceAll(/(<total>)[^<]*/g, "$1[N/A]");
  const { labels } = seen({ nvidia: parseNvidia(report, "") });
  expect(labels).toEqual({
    "gpu.vendor": "nvidia",
    "gpu.count": "1",
    "gpu.model": "Tesla T4",
    cuda: "true",
  });
});

test("process names and clocks that are broken XML, as some versions print them, do not hide the GPUs", async () => {
  const name = "nvidia/570.124.06-h200-mig";
  const whole = await fixture(`${name}.xml`);
  const list = await fixture(`${name}.list.txt`);
  const broken = whole.replace(
    "</gpu>",
    `<processes><process_info><process_name>a<b && "\u0001\ufffd"</process_name></process_info></processes>
     <supported_clocks></supported_mem_clock><supported_mem_clock>5001 MHz</supported_clocks></gpu>`,
  );
  expect(broken).not.toBe(whole);
  expect(parseNvidia(broken, list)).toEqual(parseNvidia(whole, list));
});

test("a report that is broken elsewhere gives no GPU, and says where", () => {
  const text = '<nvidia_smi_log><gpu id="0"><uuid>GPU-1</gpu></nvidia_smi_log>';
  expect(parseNvidia(text, "")).toEqual({
    problems: [
      "nvidia-smi printed a report that cannot be read: XML Parse error: Expected closing tag </uuid> but found </gpu>. NVIDIA GPUs are not offered to jobs.",
    ],
  });
});

test("a GPU in MIG mode without an instance is reported", async () => {
  const name = "nvidia/570.124.06-h200-mig-empty";
  const { problems } = parseNvidia(await fixture(`${name}.xml`), await fixture(`${name}.list.txt`));
  expect(problems).toEqual([expect.stringMatching(/MIG mode but has no instance.*mig -cgi/)]);
});

test("without the list, which alone names them, MIG instances are not offered, and that is reported", async () => {
  const finding = parseNvidia(await fixture("nvidia/535.54.03-a100-80gb-mig-and-whole.xml"), "");
  expect(finding.found?.gpus).toHaveLength(2);
  expect(finding.problems).toEqual([
    expect.stringContaining("has 4 MIG instances, but nvidia-smi -L names 0"),
  ]);
});

const amd = (count: number, name: string, memoryMb: number, driver?: string): Labels => ({
  "gpu.vendor": "amd",
  "gpu.count": String(count),
  ...model(name),
  "gpu.memoryMb": String(memoryMb),
  ...(driver === undefined ? {} : { "gpu.driver": driver }),
  rocm: "true",
});
const NAVI_31 = "Navi 31 [Radeon RX 7900 XT/7900 XTX/7900M]";

const rocmCases: Record<string, { labels: Labels; uuids: (string | undefined)[]; problems?: RegExp }> = {
  "rocm-smi-4.3-rx6700xt.json": {
    labels: amd(1, "67XA6SSB1", 12_272, "5.11.32.21.30"),
    uuids: [undefined],
  },
  // Before its JSON it printed a warning; card10 comes after card2.
  "rocm-smi-5.2-mi250.txt": {
    labels: amd(3, "AMD INSTINCT MI250 (MCM) OAM AC MBA", 65_520, "5.13.20.22.10"),
    uuids: ["GPU-719d230578348e8c", "GPU-1f9de0957d137942", "GPU-a1f9de0957d13794"],
  },
  "rocm-smi-5.7.1-mi100-x2.json": {
    labels: amd(2, "Arcturus GL-XL [Instinct MI100]", 32_752),
    uuids: [undefined, undefined],
  },
  "rocm-smi-6.1.2-rx6700xt.json": {
    labels: amd(1, "Navi 22 [Radeon RX 6700/6700 XT / 6800M]", 12_272, "6.3.6"),
    uuids: [undefined],
  },
  "rocm-smi-6.2.4-rx7900xtx-x2-raphael.json": {
    labels: amd(2, NAVI_31, 24_560, "6.8.5"),
    uuids: ["GPU-5b02b7b9a1f3f1ee", "GPU-e1b60f9d4c0ca2b7"],
    problems: /Raphael with 512 MiB.*processor's own graphics/,
  },
  "amd-smi-6.0-rx7900xtx.json": {
    labels: amd(1, NAVI_31, 24_560, "6.3.6"),
    uuids: ["GPU-5b02b7b9a1f3f1ee"],
  },
  "amd-smi-6.4-mi300x-x2.json": {
    labels: amd(2, "AMD Instinct MI300X", 196_592, "6.12.12"),
    uuids: ["GPU-6f1f0a2b3c4d5e6f", "GPU-0e2b7c4d5f6a7b80"],
  },
  // All four are partitions of one device and share its serial number, so they get no UUID.
  "amd-smi-6.4-mi300x-cpx.json": {
    labels: amd(4, "AMD Instinct MI300X", 24_574, "6.12.12"),
    uuids: [undefined, undefined, undefined, undefined],
  },
  "amd-smi-7.0-mi325x-x2.json": {
    labels: amd(2, "AMD Instinct MI325X VF", 262_128, "6.14.4"),
    uuids: ["GPU-9f444a2fb30adeb0", "GPU-b7d181671a192e45"],
  },
  // Graphics built into the processor are offered if there is no other GPU.
  "amd-smi-7.1-strix-halo.json": {
    labels: amd(1, "AMD Radeon 8060S Graphics", 512, "Linuxversion6.17.7"),
    uuids: [undefined],
  },
  "amd-smi-7.2-rx9070xt.json": {
    labels: amd(1, "AMD Radeon RX 9070 XT", 16_304, "6.16.13"),
    uuids: ["GPU-ce5d239fe548af74"],
  },
};

test.each(Object.entries(rocmCases))("%s gives its labels", async (name, { labels, uuids, problems }) => {
  const parse = name.startsWith("amd-smi") ? parseAmdSmi : parseRocmSmi;
  const machine = seen({ rocm: { found: parse(await fixture(`rocm/${name}`)), problems: [] } });
  expect(machine.labels).toEqual(labels);
  expect(machine.gpus.map((gpu) => gpu.uuid)).toEqual(uuids);
  expect(machine.problems.join()).toMatch(problems ?? /^$/);
});

const apple = (name: string, cores: number, version?: number): Labels => ({
  "gpu.vendor": "apple",
  "gpu.count": "1",
  ...model(name),
  "gpu.memoryMb": String(MEMORY_MB),
  "gpu.unifiedMemory": "true",
  "gpu.cores": String(cores),
  metal: "true",
  ...(version === undefined ? {} : { "metal.version": String(version) }),
});
const radeon = (name: string): Labels => ({
  "gpu.vendor": "amd",
  "gpu.count": "1",
  ...model(name),
  "gpu.memoryMb": "8192",
  metal: "true",
});

const metalCases: Record<string, Labels> = {
  "macos-10.13-without-metal": {},
  "macos-10.15-radeon-rx-580": radeon("Radeon RX 580"),
  "macos-11-m1-pro": apple("Apple M1 Pro", 16),
  "macos-13-m1": apple("Apple M1", 8, 3),
  "macos-13-intel-uhd-and-radeon-5500m": { ...radeon("AMD Radeon Pro 5500M"), "metal.version": "3" },
  "macos-14-m2-pro": apple("Apple M2 Pro", 19, 3),
  "macos-14-m3-max": apple("Apple M3 Max", 40),
  "macos-26-m4-pro": apple("Apple M4 Pro", 20, 4),
  "virtual-machine": {},
};

test.each(Object.entries(metalCases))("system_profiler of %s gives its labels", async (name, expected) => {
  expect(seen({ metal: parseMetal(await fixture(`metal/${name}.json`), MEMORY_MB) }).labels).toEqual(
    expected,
  );
});

interface EngineLabels {
  engine?: string;
  version: string;
  api: string;
  os?: string;
  rootless?: boolean;
  runtimes: string[];
}
const engine = ({ version, api, runtimes, ...more }: EngineLabels): Labels => ({
  docker: "true",
  "docker.engine": more.engine ?? "docker",
  "docker.version": version,
  "docker.apiVersion": api,
  "docker.os": more.os ?? "linux",
  "docker.rootless": String(more.rootless ?? false),
  "docker.runtimes": runtimes.join(","),
  ...Object.fromEntries(runtimes.map((name) => [`docker.runtime.${name}`, "true"])),
});
const PODMAN_RUNTIMES = "crun crun-vm crun-wasm kata krun ocijail runc runj runsc youki".split(" ");

const dockerCases: Record<string, Labels> = {
  "20.10.24-debian-cgroup-v1": engine({
    version: "20.10.24+dfsg1",
    api: "1.41",
    runtimes: ["io.containerd.runc.v2", "io.containerd.runtime.v1.linux", "runc"],
  }),
  "25.0.3-windows-containers": engine({
    version: "25.0.3",
    api: "1.44",
    os: "windows",
    runtimes: ["com.docker.hcsshim.v1"],
  }),
  "27.3.1-nvidia-runtime": engine({
    version: "27.3.1",
    api: "1.47",
    runtimes: ["io.containerd.runc.v2", "nvidia", "runc"],
  }),
  "28.5.1-rootless": engine({
    version: "28.5.1",
    api: "1.51",
    rootless: true,
    runtimes: ["io.containerd.runc.v2", "runc"],
  }),
  "podman-3.0-root": engine({
    engine: "podman",
    version: "3.0.1",
    api: "1.40",
    runtimes: ["crun", "kata", "runc"],
  }),
  "podman-5.6.1-rootless": engine({
    engine: "podman",
    version: "5.6.1",
    api: "1.41",
    rootless: true,
    runtimes: PODMAN_RUNTIMES,
  }),
};

test.each(Object.entries(dockerCases))("the engine %s gives its labels", async (name, expected) => {
  const { version, info } = asRecord(JSON.parse(await fixture(`docker/${name}.json`)));
  expect(seen({ docker: parseEngine("unix:///run/engine.sock", version, info) }).labels).toEqual(expected);
});

const androidCases: Record<string, Labels> = {
  "studio-2024": {
    android: "true",
    "android.platforms": "33,34,35",
    "android.platform.33": "true",
    "android.platform.34": "true",
    "android.platform.35": "true",
    "android.buildTools": "33.0.2,34.0.0,35.0.0 rc4,35.0.0",
    "android.adb": "35.0.2",
    "android.emulator": "35.2.10",
  },
  "command-line-2026": {
    android: "true",
    "android.platforms": "36,37",
    "android.platform.36": "true",
    "android.platform.37": "true",
    "android.buildTools": "36.0.0",
    "android.adb": "36.0.0",
  },
  "debian-12": {
    android: "true",
    "android.platforms": "23",
    "android.platform.23": "true",
    "android.buildTools": "29.0.3",
    "android.adb": "29.0.6",
  },
  // Without any source.properties, as after unpacking archives by hand.
  unpacked: {
    android: "true",
    "android.platforms": "34",
    "android.platform.34": "true",
    "android.buildTools": "34.0.0",
    "android.adb": "unknown",
  },
  leftover: {},
  "adb-alone": {},
};

test.each(Object.entries(androidCases))("the Android SDK %s gives its labels", async (name, expected) => {
  await using home = await makeScratch();
  const files = asRecord(JSON.parse(await fixture(`android/${name}.json`)));
  for (const [path, text] of Object.entries(files)) {
    const file = home.join("Android", "Sdk", path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, String(text));
  }
  const context = {
    environment: { HOME: home.path },
    platform: "linux" as const,
    memoryMb: 1,
    deadlineMs: performance.now() + 5_000,
    timeoutMs: 5_000,
  };
  expect(seen({ android: await detectAndroid(context) }).labels).toEqual(expected);
});

test("every fixture is in one of these tables, or is a failure that a fake tool prints", () => {
  const names = (dir: string) =>
    readdirSync(join(FIXTURES, dir)).map((file) => file.replace(/\.(xml|json)$/, ""));
  expect(
    names("nvidia")
      .filter((name) => !name.endsWith(".txt"))
      .sort(),
  ).toEqual(Object.keys(nvidiaCases).sort());
  expect(names("metal").sort()).toEqual(Object.keys(metalCases).sort());
  expect(names("docker").sort()).toEqual(Object.keys(dockerCases).sort());
  expect(names("android").sort()).toEqual(Object.keys(androidCases).sort());
  const rocm = readdirSync(join(FIXTURES, "rocm")).filter((file) => !/none|version/.test(file));
  expect(rocm.sort()).toEqual(Object.keys(rocmCases).sort());
});

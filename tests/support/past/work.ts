import type { JobManifestInput } from "../../../sdk/index.ts";

/** How often work comes, by the hour of the day in UTC. */
export type Rhythm = "day" | "night" | "always";

/** Work that comes again and again. */
export interface Work {
  job: Partial<JobManifestInput> & { name: string };
  user: string;
  rhythm: Rhythm;
  /** Jobs in an hour in which the rhythm is full. */
  perHour: number;
  /** The shortest and the longest run, in seconds, and what it uses then. */
  seconds: readonly [number, number];
  uses: { cpu: number; memoryMb: number };
  /** The share of runs that fail, and their exit code. */
  failing: number;
  exitCode?: number;
  /** The share of jobs that somebody cancels while they run. */
  cancelled?: number;
  /** The first attempt fails after so many seconds, with these words. */
  firstFails?: { afterSeconds: number; message: string };
  /** The lines that it writes, one every so many seconds. */
  says?: { everySeconds: number; line(n: number): string };
  /** It is run from this template, with these parameters. */
  template?: { name: string; params: Record<string, string> };
}

export const HOSTED = {
  pools: { cloud: { hosted: true, sku: "a100" } },
  prices: { a100: { vcpuSecondMicroUsd: 11.111, gibSecondMicroUsd: 1.5, gpuSecondMicroUsd: 480 } },
} as const;

export const EVALUATION = {
  name: "evaluate-checkpoint",
  description: "Runs the evaluation suite on a checkpoint, on a rented GPU.",
  parameters: [
    { name: "checkpoint", type: "string" as const, required: true, help: "Where the checkpoint is." },
    { name: "suite", type: "enum" as const, values: ["quick", "full"], default: "quick" },
  ],
  job: {
    name: "evaluate {{checkpoint}}",
    pool: "cloud",
    command: ["python3", "evaluate.py", "--suite", "{{suite}}", "{{checkpoint}}"],
    resources: { cpu: 4, memoryMb: 32_768, gpuCount: 1 },
    timeoutSeconds: 3_600,
  },
};

/** How long a nightly backup takes: so long that the next hour finds it still running. */
export const LONG_BACKUP_SECONDS = 6_300;

export const WORK: readonly Work[] = [
  {
    job: { name: "unit tests", command: "make test", labels: { os: "linux" }, maxRetries: 1 },
    ...{ user: "mira", rhythm: "day", perHour: 10, seconds: [45, 260], failing: 0.2, exitCode: 2 },
    uses: { cpu: 3.4, memoryMb: 1_900 },
  },
  {
    job: { name: "build render engine", command: "./build.sh --release", labels: { os: "linux" } },
    ...{ user: "anna", rhythm: "day", perHour: 5, seconds: [240, 900], failing: 0.06 },
    uses: { cpu: 7.2, memoryMb: 6_300 },
  },
  {
    job: { name: "encode video", command: "ffmpeg -i in.mov -c:v libsvtav1 out.mkv" },
    ...{ user: "jonas", rhythm: "night", perHour: 7, seconds: [900, 3_300], failing: 0.03, cancelled: 0.04 },
    uses: { cpu: 3.8, memoryMb: 3_100 },
  },
  {
    job: {
      name: "train segmentation model",
      pool: "gpu",
      command: ["python3", "train.py", "--epochs", "40"],
      resources: { cpu: 8, memoryMb: 49_152, gpuCount: 1 },
      maxRetries: 2,
    },
    ...{
      user: "anna",
      rhythm: "night",
      perHour: 1.4,
      seconds: [2_400, 9_000],
      failing: 0.12,
      cancelled: 0.05,
    },
    uses: { cpu: 6.1, memoryMb: 38_000 },
  },
  {
    job: {
      name: "render previews",
      pool: "gpu",
      command: "blender -b scene.blend -a",
      resources: { cpu: 4, memoryMb: 16_384, gpuCount: 1 },
    },
    ...{ user: "jonas", rhythm: "day", perHour: 1.8, seconds: [400, 2_000], failing: 0.05 },
    uses: { cpu: 2.7, memoryMb: 11_500 },
  },
  {
    job: {
      ...EVALUATION.job,
      name: "evaluate nightly",
      command: ["python3", "evaluate.py", "--suite", "full"],
    },
    ...{ user: "anna", rhythm: "always", perHour: 0.12, seconds: [600, 1_500], failing: 0.04 },
    uses: { cpu: 3.2, memoryMb: 24_000 },
  },
  ...["seg-v14", "seg-v15", "depth-v3"].map(
    (checkpoint, i): Work => ({
      job: { name: `evaluate ${checkpoint}` },
      template: { name: EVALUATION.name, params: { checkpoint, suite: i === 0 ? "full" : "quick" } },
      ...{
        user: "anna",
        rhythm: "day",
        perHour: 0.16 + i / 20,
        seconds: [400, 1_500 - i * 300],
        failing: 0.05,
      },
      uses: { cpu: 3.6, memoryMb: 26_000 },
    }),
  ),
];

const loss = (n: number) => (2.4 * Math.exp(-n / 60) + 0.31).toFixed(4);

/** What still runs when the present begins, and how many minutes ago it was submitted. */
export const STORIES: readonly (Work & { minutesAgo: number })[] = [
  {
    job: {
      name: "fine-tune llama-8b",
      pool: "gpu",
      command: ["torchrun", "--nproc-per-node", "1", "finetune.py", "--config", "configs/8b-lora.yaml"],
      resources: { cpu: 8, memoryMb: 65_536, gpuCount: 1 },
      maxRetries: 2,
    },
    ...{ user: "anna", rhythm: "always", perHour: 0, seconds: [20_000, 20_000], failing: 0, minutesAgo: 64 },
    uses: { cpu: 6.8, memoryMb: 52_000 },
    firstFails: { afterSeconds: 420, message: "torch.OutOfMemoryError: CUDA out of memory." },
    says: { everySeconds: 20, line: (n) => `step ${n * 25} of 6000  loss=${loss(n)}  lr=2.0e-05  14.2 it/s` },
  },
  {
    job: {
      name: "train depth model",
      pool: "gpu",
      command: ["python3", "train.py", "--config", "configs/depth-v4.yaml"],
      labels: { site: "lisbon" },
      resources: { cpu: 12, memoryMb: 98_304, gpuCount: 1 },
    },
    ...{ user: "mira", rhythm: "always", perHour: 0, seconds: [20_000, 20_000], failing: 0, minutesAgo: 150 },
    uses: { cpu: 9.6, memoryMb: 74_000 },
    says: { everySeconds: 60, line: (n) => `epoch ${n} of 400  loss=${loss(n)}` },
  },
];

/** What schedules run. Their jobs have these names. */
export const SCHEDULED: readonly (Work & { cron: string; overlap: "allow" | "forbid"; timeZone: string })[] =
  [
    {
      job: { name: "sync backups", command: "restic backup /srv/projects" },
      ...{
        cron: "0 * * * *",
        overlap: "forbid",
        timeZone: "UTC",
        user: "anna",
        rhythm: "always",
        perHour: 0,
      },
      ...{ seconds: [150, 700], failing: 0.02, uses: { cpu: 1.1, memoryMb: 700 } },
    },
    {
      job: { name: "nightly report", command: "./report.sh" },
      ...{
        cron: "15 2 * * 1-5",
        overlap: "allow",
        timeZone: "Europe/Berlin",
        user: "anna",
        rhythm: "always",
      },
      ...{ perHour: 0, seconds: [40, 90], failing: 0.1, uses: { cpu: 0.8, memoryMb: 400 } },
    },
    {
      job: { name: "link check", command: ["lychee", "https://example.org"], maxRetries: 1 },
      ...{
        cron: "*/30 6-20 * * *",
        overlap: "allow",
        timeZone: "Europe/Berlin",
        user: "mira",
        rhythm: "always",
      },
      ...{ perHour: 0, seconds: [12, 75], failing: 0.07, uses: { cpu: 0.4, memoryMb: 160 } },
    },
  ];

/** How much of its full rate a rhythm has in an hour of the day. */
export function shareOf(rhythm: Rhythm, hour: number): number {
  if (rhythm === "always") return 1;
  const isNight = hour >= 21 || hour < 4;
  if (rhythm === "night") return isNight ? 1 : hour < 9 ? 0.03 : 0.15;
  return isNight ? 0.08 : hour < 8 ? 0.12 : hour < 18 ? 1 : 0.45;
}

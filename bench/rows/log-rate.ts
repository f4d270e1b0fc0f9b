import { cpuForEach, cpuOfStage } from "../cpu-of-stage.ts";
import { HelperProcess } from "../helper-process.ts";
import { atLeast, type Found, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";

/** Some seconds. Filling the buffers of connections that nobody reads takes a part of one. */
const LINES = 4_000_000;
const WARM_UP_LINES = 200_000;
const SLOTS = 2;
const STALLED_READERS = 1_000;
const LIMIT_SECONDS = 120;

/** The output of one job, read by one client while the job writes it. */
export const logRateRow: Row = {
  name: "logs",
  figures: () => ({
    rate: { what: "log lines, agent to server to one reader", unit: "/s", aim: atLeast(300_000) },
    server: { what: "CPU of the server for 1,000 lines", unit: "µs" },
    worker: { what: "CPU of the agent for 1,000 lines", unit: "µs" },
    supervisor: { what: "CPU of the supervisor for 1,000 lines", unit: "µs" },
    children: { what: "CPU of the job itself for 1,000 lines", unit: "µs" },
    reader: { what: "CPU of the reader for 1,000 lines", unit: "µs" },
  }),
  async open(stage) {
    const { pid } = await stage.startAgent(SLOTS);
    await readOutput(stage, WARM_UP_LINES, 0);
    return async () => {
      const before = cpuOfStage(stage, pid);
      const { rate, readerMs } = await readOutput(stage, LINES, 0);
      const thousands = LINES / 1_000;
      const cpu = cpuForEach(before, cpuOfStage(stage, pid), thousands);
      return { rate, ...cpu, reader: (readerMs * 1_000) / thousands };
    };
  },
};

/** The same next to many connections that ask for the same log and then read nothing. */
export const stalledReadersRow: Row = {
  name: "stalled",
  figures: () => ({
    without: { what: "log lines without stalled readers", unit: "/s" },
    beside: { what: `log lines beside ${STALLED_READERS} stalled readers`, unit: "/s" },
    ratio: { what: "beside / without", unit: "", aim: atLeast(0.95) },
  }),
  async open(stage) {
    await stage.startAgent(SLOTS);
    await readOutput(stage, WARM_UP_LINES, 0);
    return async () => {
      const before = await rateBeside(stage, 0);
      const beside = await rateBeside(stage, STALLED_READERS);
      const without = (before + (await rateBeside(stage, 0))) / 2;
      return { without, beside, ratio: beside / without };
    };
  },
};

async function rateBeside(stage: Stage, stalled: number): Promise<number> {
  const { rate } = await readOutput(stage, LINES, stalled);
  return rate;
}

interface Output {
  /** Lines per second. */
  rate: number;
  /** CPU time of the reader. */
  readerMs: number;
}

/** From the first line that a client in a process of its own gets, to the end of the job. */
async function readOutput(stage: Stage, lines: number, stalled: number): Promise<Output> {
  const go = stage.person.home.join(`go-${crypto.randomUUID()}`);
  const command = `until [ -e ${go} ]; do sleep 0.02; done; seq ${lines}`;
  const { jobId } = await stage.compute.jobs.submit({ command, timeoutSeconds: LIMIT_SECONDS });
  await using opened = new AsyncDisposableStack();
  if (stalled > 0) {
    const readers = opened.use(new HelperProcess(stage, "stalled-readers.ts", [jobId, String(stalled)]));
    await readers.line();
  }
  const reader = opened.use(new HelperProcess(stage, "log-reader.ts", [jobId]));
  await reader.line();
  await Bun.write(go, "");
  const { count = 0, tookMs = 0, cpuMs = 0 } = JSON.parse(await reader.line()) as Found;
  if (count !== lines) throw new Error(`the reader got ${count} of ${lines} lines`);
  return { rate: count / (tookMs / 1_000), readerMs: cpuMs };
}

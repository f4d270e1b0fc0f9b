import { HelperProcess } from "../helper-process.ts";
import { atLeast, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";

const LINES = 1_000_000;
const WARM_UP_LINES = 200_000;
const SLOTS = 2;
const STALLED_READERS = 1_000;
const LIMIT_SECONDS = 120;

/** The output of one job, read by one client while the job writes it. */
export const logRateRow: Row = {
  name: "logs",
  figures: () => ({
    rate: { what: "log lines, agent to server to one reader", unit: "/s", aim: atLeast(300_000) },
  }),
  async open(stage) {
    await stage.startAgent(SLOTS);
    await linesPerSecond(stage, WARM_UP_LINES, 0);
    return async () => ({ rate: await linesPerSecond(stage, LINES, 0) });
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
    await linesPerSecond(stage, WARM_UP_LINES, 0);
    return async () => {
      const before = await linesPerSecond(stage, LINES, 0);
      const beside = await linesPerSecond(stage, LINES, STALLED_READERS);
      const without = (before + (await linesPerSecond(stage, LINES, 0))) / 2;
      return { without, beside, ratio: beside / without };
    };
  },
};

/** From the first line that a client in a process of its own gets, to the end of the job. */
async function linesPerSecond(stage: Stage, lines: number, stalled: number): Promise<number> {
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
  const { count, tookMs } = JSON.parse(await reader.line()) as { count: number; tookMs: number };
  if (count !== lines) throw new Error(`the reader got ${count} of ${lines} lines`);
  return count / (tookMs / 1_000);
}

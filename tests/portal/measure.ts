/**
 * Measures the portal of the built binary in Chromium, on a server with 100,000 jobs and a log of a million lines in the
 * embedded store.
 *
 *     bun run bench:portal               everything
 *     bun run bench:portal --json        what every round found, as JSON
 *     bun run bench:portal --jobs 10000 --lines 100000 --rounds 1
 *
 * Exits with 1 if the median of a figure misses its aim.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { BrowserContext, Page } from "playwright-core";
import { type Aim, isMet, type Measured, median, percentile, printTable } from "../../bench/figures.ts";
import { createComputeClient } from "../../sdk/index.ts";
import { memoryMbOf } from "../support/cpu-time.ts";
import { fillStore, RARE_NAME } from "../support/full-store.ts";
import { PortalWorld } from "../support/portal.ts";
import { scrollLog, tabBytes, watchFrames } from "../support/tab.ts";
import { waitFor } from "../support/wait.ts";

const STREAMS = 200;
const SCROLLED_FRAMES = 300;
/** A busy machine may need long for a million lines. */
const PATIENCE_MS = 180_000;
/** A tenth of the jobs of a day have failed, and each list is shown up to 150 rows. */
const MIN_JOBS = 20_000;
const FIRST_ROWS = 50;
const MORE_ROWS = 150;

const { values } = parseArgs({
  options: {
    jobs: { type: "string", default: "100000" },
    lines: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
process.env.TANVRIT_TEST_BINARY ??= join(import.meta.dirname, "../../dist/tanvrit-compute");
const [jobs, lines, rounds] = [Number(values.jobs), Number(values.lines), Number(values.rounds)];
if (jobs < MIN_JOBS)
  throw new TypeError(`--jobs must be at least ${MIN_JOBS}, so that every list has two pages`);
const measured: Measured[] = [];

await using world = await PortalWorld.start();
const { shortId, longId } = await fill();
await using window = await world.window("/settings/members");
window.page.setDefaultTimeout(PATIENCE_MS);
await measureLoads();
await measureLists();
await measureLog();
await measureStreams();
if (values.json) console.log(JSON.stringify(measured, null, 2));
else printTable(measured);
process.exitCode = measured.every(isMet) ? 0 : 1;

function add(row: string, what: string, unit: string, found: number[], aim?: Aim): void {
  measured.push({ row, what, unit, aim, rounds: found });
}

async function times(measure: () => Promise<number>): Promise<number[]> {
  const found: number[] = [];
  while (found.length < rounds) found.push(await measure());
  return found;
}

/** Puts the jobs and the log into the server's store. Resolves with the ids of jobs with a short and a long log. */
async function fill() {
  const { server } = world.person;
  const { businessId, userId } = await (await world.person.client()).client.call("auth.whoami", {});
  const startedMs = performance.now();
  await server.stop();
  const dataDir = server.scratch.join("data");
  const ids = await fillStore({ dataDir, businessId, userId, jobs, logLines: lines });
  await server.startAgain();
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
  console.error(`${jobs} jobs and a log of ${lines} lines: filled in ${seconds} s`);
  return ids;
}

async function measureLoads(): Promise<void> {
  await window.page.goto("about:blank");
  const load = (path: string, shown: string) =>
    times(() => firstLoad(window.page.context(), world.url + path, shown));
  const aim = { atMost: 300 };
  add("load", "first load of a page without scripts, to compare", "ms", await load("/account", "h1"));
  add("load", "first load of the list of jobs, cold cache", "ms", await load("/jobs", "tr[data-job]"), aim);
  add("load", "first load of a job, cold cache", "ms", await load(`/jobs/${shortId}`, ".log-row"), aim);
}

/** From the start of the navigation in a new tab until its content is painted, in milliseconds. */
async function firstLoad(context: BrowserContext, url: string, shown: string): Promise<number> {
  const page = await context.newPage();
  try {
    const devtools = await context.newCDPSession(page);
    await devtools.send("Network.clearBrowserCache");
    await page.addInitScript((shown) => {
      const look = () =>
        requestAnimationFrame(() => {
          if (!document.querySelector(shown)) look();
          else requestAnimationFrame(() => Object.assign(globalThis, { paintedMs: performance.now() }));
        });
      look();
    }, shown);
    await page.goto(url);
    const painted = await page.waitForFunction(
      () => (globalThis as unknown as { paintedMs?: number }).paintedMs,
    );
    return (await painted.jsonValue()) ?? Number.NaN;
  } finally {
    await page.close();
  }
}

async function measureLists(): Promise<void> {
  await world.show(window, "/jobs");
  const { page } = window;
  const since = encodeURIComponent(new Date(Date.now() - 24 * 3_600_000).toISOString());
  const filters = {
    "": "",
    " that failed": "?status=FAILED",
    " that wait": "?status=QUEUED",
    " with a label": "?label=team%3Dvision",
    " of one person": "?by=me",
    " of a day that failed": `?status=FAILED&since=${since}`,
  };
  for (const [name, search] of Object.entries(filters)) {
    const first: number[] = [];
    const more: number[] = [];
    while (first.length < rounds) {
      await follow(page, "/jobs?status=CANCELLED", FIRST_ROWS);
      first.push(await follow(page, `/jobs${search}`, FIRST_ROWS));
      more.push(await timeTo(page, ".stack > p.row button", MORE_ROWS));
    }
    add("list", `first page of jobs${name}`, "ms", first, { atMost: 100 });
    add("list", `next page of jobs${name}`, "ms", more, { atMost: 100 });
  }
  const searches = { "a name that three jobs have": [RARE_NAME, 3], "a name that none has": ["absent", 0] };
  for (const [name, [text, found]] of Object.entries(searches)) {
    const took = await times(async () => {
      await follow(page, "/jobs?status=CANCELLED", FIRST_ROWS);
      await follow(page, "/jobs", FIRST_ROWS);
      return searchFor(page, String(text), Number(found));
    });
    add("list", `search for ${name}, typing included`, "ms", took, { atMost: 1_000 });
  }
}

/** Goes by a link to an address of the list. Milliseconds from the click until its rows are painted. */
async function follow(page: Page, href: string, rows: number): Promise<number> {
  await page.evaluate((href) => {
    document.querySelector(".jobs-table")?.setAttribute("data-old", "");
    document.getElementById("measured-link")?.remove();
    const link = Object.assign(document.createElement("a"), { id: "measured-link", href });
    document.body.append(link);
  }, href);
  return timeTo(page, "#measured-link", rows);
}

/** Milliseconds from a click until the table has so many rows, and they are painted. */
async function timeTo(page: Page, clicked: string, rows: number): Promise<number> {
  return page.evaluate(
    async ([clicked, rows]) => {
      const shown = () => document.querySelectorAll(".jobs-table:not([data-old]) tr[data-job]").length;
      const startMs = performance.now();
      document.querySelector<HTMLElement>(clicked)?.click();
      while (shown() !== rows) await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
      return performance.now() - startMs;
    },
    [clicked, rows] as const,
  );
}

/** Milliseconds from the last letter until what was found is painted. */
async function searchFor(page: Page, text: string, found: number): Promise<number> {
  return page.evaluate(
    async ([text, found]) => {
      const shown = () =>
        found === 0
          ? document.body.textContent.includes("No job matches")
          : document.querySelectorAll("tr[data-job]").length === found;
      const field = document.querySelector<HTMLInputElement>("#job-search");
      if (!field) throw new Error("there is no field to search in");
      const startMs = performance.now();
      field.value = text;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      while (!shown()) await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
      return performance.now() - startMs;
    },
    [text, found] as const,
  );
}

async function measureLog(): Promise<void> {
  await using own = await world.window("/settings/members");
  const { page } = own;
  page.setDefaultTimeout(PATIENCE_MS);
  const startMs = performance.now();
  await page.goto(`${world.url}/jobs/${longId}`);
  const count = `${lines.toLocaleString("en")} lines`;
  await page.getByText(count, { exact: true }).waitFor();
  add("log", `until all of ${count} are there`, "s", [(performance.now() - startMs) / 1_000]);
  const heapMb = (await tabBytes(page)) / 1e6;
  add("log", `JavaScript heap of a tab with ${count}`, "MB", [heapMb], { atMost: 250 });
  const frames = await watchFrames(page);
  const medians: number[] = [];
  const p95s: number[] = [];
  while (medians.length < rounds) {
    await page.keyboard.press("End");
    await frames();
    await scrollLog(page, SCROLLED_FRAMES);
    const took = await frames();
    medians.push(median(took));
    p95s.push(percentile(took, 95));
  }
  add("log", "a frame while scrolling there, median", "ms", medians, { atMost: 17 });
  add("log", "a frame while scrolling there, p95", "ms", p95s);
}

/** What open streams cost the server: half hear what changes, as a tab does, half follow the log of a job that waits. */
async function measureStreams(): Promise<void> {
  const { person } = world;
  const token = await person.get(["auth", "print-token"]);
  const compute = createComputeClient({ url: world.url, token });
  const jobId = await person.submit(["--label", "never=there", "--", "true"]);
  const memoryMb = () => memoryMbOf([person.server.pid]);
  await Bun.sleep(5_000);
  const beforeMb = memoryMb();
  const ended = new AbortController();
  const { signal } = ended;
  let heard = 0;
  const read = async (events: AsyncIterable<unknown>) => {
    let isFirst = true;
    for await (const _ of events) {
      if (isFirst) heard++;
      isFirst = false;
    }
  };
  const readers = Array.from({ length: STREAMS }, (_, i) =>
    read(i % 2 === 0 ? compute.activity.follow({ signal }) : compute.jobs.follow(jobId, { signal })).catch(
      () => undefined,
    ),
  );
  await waitFor("every stream to be open", () => heard === STREAMS, {
    timeoutMs: PATIENCE_MS,
    seen: () => heard,
  });
  for (let i = 0; i < 20; i++) await compute.jobs.submit({ command: "true", labels: { never: "there" } });
  const grownMb = memoryMb() - beforeMb;
  ended.abort();
  await Promise.all(readers);
  add("streams", `memory of the server for ${STREAMS} open streams`, "MB", [grownMb], { atMost: 100 });
}

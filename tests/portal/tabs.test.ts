import { expect, test } from "bun:test";
import { basename } from "node:path";
import type { BrowserContext, Page, Request } from "playwright-core";
import type { Window } from "../support/chromium.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { expectQuiet, PortalWorld } from "../support/portal.ts";
import { waitFor } from "../support/wait.ts";

const world = forAllTests(await PortalWorld.start(["--slots", "10"]));
const { person } = world;
/** A browser opens six connections to a server, so without care the seventh tab would wait for ever. */
const TABS = 8;

/** The streams that are open in a browser, with the tabs that read them. */
class OpenStreams {
  private readonly open = new Map<Request, Page>();

  constructor(
    context: BrowserContext,
    private readonly url: RegExp,
  ) {
    context.on("request", (request) => {
      if (this.url.test(request.url())) this.open.set(request, request.frame().page());
    });
    const ended = (request: Request) => void this.open.delete(request);
    context.on("requestfinished", ended);
    context.on("requestfailed", ended);
    // What was open in a tab that has crashed gets no end.
    const left = (page: Page) => {
      for (const [request, of] of this.open) if (of === page) this.open.delete(request);
    };
    context.on("page", (page) => page.on("crash", left).on("close", left));
    for (const page of context.pages()) page.on("crash", left).on("close", left);
  }

  get tabs(): Page[] {
    return [...this.open.values()];
  }

  /** The tab with the only stream. */
  async onlyTab(): Promise<Page> {
    const [tab] = await waitFor("one stream", () => this.tabs.length === 1 && this.tabs, {
      timeoutMs: 30_000,
      seen: () => this.tabs.length,
    });
    return tab as Page;
  }
}

/** More tabs of the window's browser, until it has `TABS`. */
async function openTabs(window: Window, path: string): Promise<Page[]> {
  const context = window.page.context();
  while (context.pages().length < TABS) {
    const tab = await context.newPage();
    await tab.goto(world.url + path);
    await tab.locator("main h1").first().waitFor();
  }
  return context.pages();
}

async function setSecret(name: string): Promise<void> {
  await person.get(["secret", "set", name], { stdin: "x" });
}

async function allShow(tabs: readonly Page[], name: string): Promise<void> {
  await Promise.all(tabs.map((tab) => tab.getByRole("cell", { name, exact: true }).waitFor()));
}

test("eight tabs are live over one stream, and go on without a gap when the tab that listens is closed or crashes", async () => {
  await using window = await world.window();
  const streams = new OpenStreams(window.page.context(), /\/activity\/stream/);
  await world.show(window, "/settings/secrets");
  const tabs = await openTabs(window, "/settings/secrets");
  await setSecret("for-all-tabs");
  await allShow(tabs, "for-all-tabs");
  let listener = await streams.onlyTab();
  for (const [name, end] of [["after-a-close", close] as const, ["after-a-crash", crash] as const]) {
    tabs.splice(tabs.indexOf(listener), 1);
    await Promise.all([setSecret(name), end(listener)]);
    await allShow(tabs, name);
    listener = await streams.onlyTab();
    expect(tabs).toContain(listener);
  }
  expectQuiet(window);
});

async function close(tab: Page): Promise<void> {
  await tab.close();
}

async function crash(tab: Page): Promise<void> {
  const devtools = await tab.context().newCDPSession(tab);
  const crashed = tab.waitForEvent("crash");
  // A tab that has crashed does not answer.
  devtools.send("Page.crash").catch(() => undefined);
  await crashed;
}

test("a tab that the browser has stopped is passed over, and knows what it missed when it goes on", async () => {
  await using window = await world.window("/settings/secrets");
  const context = window.page.context();
  const streams = new OpenStreams(context, /\/activity\/stream/);
  await window.page.reload();
  expect(await streams.onlyTab()).toBe(window.page);
  const tab = await context.newPage();
  await tab.goto(`${world.url}/settings/secrets`);
  await setSecret("before-the-stop");
  await allShow([window.page, tab], "before-the-stop");
  const devtools = await context.newCDPSession(window.page);
  // A browser stops only tabs that nobody sees; the debugger stops any.
  await devtools.send("Debugger.enable");
  await devtools.send("Debugger.pause");
  // As when somebody comes to that tab.
  await tab.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await waitFor("the other tab to listen", () => streams.tabs.includes(tab), { timeoutMs: 30_000 });
  await setSecret("while-stopped");
  await allShow([tab], "while-stopped");
  await devtools.send("Debugger.disable");
  await allShow([window.page], "while-stopped");
  expect(await streams.onlyTab()).toBe(tab);
});

test("eight live logs move with three streams, and a tab that nobody sees leaves its stream to another", async () => {
  const steps = ["first", "second"].map((name) => person.home.join(name));
  const wait = steps.map((file) => `until [ -e ${file} ]; do sleep 0.1; done; echo past ${basename(file)}`);
  const jobId = await person.submit(["--", "sh", "-c", ["echo begun", ...wait].join("; ")]);
  await using window = await world.window();
  const streams = new OpenStreams(window.page.context(), /\/logs\/stream\?.*follow=true/);
  await world.show(window, `/jobs/${jobId}`);
  const tabs = await openTabs(window, `/jobs/${jobId}`);
  await allLogsShow(tabs, "begun");
  expect(streams.tabs).toHaveLength(3);
  const [hidden] = streams.tabs;
  if (!hidden) throw new Error("no log is streamed");
  await Bun.write(steps[0] ?? "", "");
  await allLogsShow(tabs, "past first");
  await setHidden(hidden, true);
  await waitFor("another tab to get the stream", () => !streams.tabs.includes(hidden) && streams.tabs[2], {
    timeoutMs: 30_000,
  });
  await Bun.write(steps[1] ?? "", "");
  await allLogsShow(
    tabs.filter((tab) => tab !== hidden),
    "past second",
  );
  await setHidden(hidden, false);
  await allLogsShow([hidden], "past second");
  expectQuiet(window);
});

async function allLogsShow(tabs: readonly Page[], line: string): Promise<void> {
  await Promise.all(tabs.map((tab) => tab.getByRole("log").getByText(line, { exact: true }).waitFor()));
}

/** A browser without a screen takes every tab for one that somebody sees. */
async function setHidden(tab: Page, hidden: boolean): Promise<void> {
  await tab.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}

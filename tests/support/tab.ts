import type { Page } from "playwright-core";

/** What the tab holds in memory, in bytes: objects, and the bytes of arrays. */
export async function tabBytes(page: Page): Promise<number> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("HeapProfiler.collectGarbage");
  const usage: { usedSize: number; backingStorageSize?: number; embedderHeapUsedSize?: number } =
    await devtools.send("Runtime.getHeapUsage");
  return usage.usedSize + (usage.backingStorageSize ?? 0) + (usage.embedderHeapUsedSize ?? 0);
}

/** Takes the time of each frame from now on. Each call of the result has those since the call before, in milliseconds. */
export async function watchFrames(page: Page): Promise<() => Promise<number[]>> {
  await page.evaluate(() => {
    const frames: number[] = [];
    let lastMs = performance.now();
    const next = (nowMs: number) => {
      frames.push(nowMs - lastMs);
      lastMs = nowMs;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
    Object.assign(globalThis, { frames });
  });
  return () =>
    page.evaluate(() => {
      const { frames } = globalThis as unknown as { frames: number[] };
      return frames.splice(0);
    });
}

/** Scrolls a log up, a little with every frame. */
export async function scrollLog(page: Page, frames: number): Promise<void> {
  await page.evaluate(async (frames) => {
    const scroller = document.querySelector(".log-scroller") as HTMLElement;
    for (let i = 0; i < frames; i++) {
      scroller.scrollTop -= 60;
      await new Promise(requestAnimationFrame);
    }
  }, frames);
}

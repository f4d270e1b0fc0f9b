import { expect, test } from "bun:test";
import { Hono } from "hono";
import type { App } from "../http/app.ts";
import { isPortalPage, mountPortal } from "./mount.ts";

const app: App = new Hono();
mountPortal(app);
const get = (path: string, headers: Record<string, string> = {}) =>
  app.request(`http://127.0.0.1${path}`, { headers });

test("every path of the portal has a page, whose policy allows nothing from elsewhere", async () => {
  for (const path of ["/", "/jobs", "/jobs/job_1", "/settings/audit", "/portal/callback"]) {
    expect(isPortalPage(path)).toBe(true);
    const page = await get(path);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toStartWith("default-src 'none'; script-src 'self'");
    expect(await page.text()).not.toMatch(/<script(?![^>]*src=)|style=/);
  }
  for (const path of ["/api/compute/jobs/list", "/jobsx", "/sign-in", "/healthz"])
    expect(isPortalPage(path)).toBe(false);
  expect((await get("/portal/assets/none.js")).status).toBe(404);
});

test("each page names the few scripts that it needs, so that none of them waits for another one", async () => {
  const scriptsOf = async (path: string) => {
    const named = (await (await get(path)).text()).matchAll(/(?:src|modulepreload" href)="([^"]+\.js)"/g);
    return [...named].map(([, script = ""]) => script);
  };
  const [home, jobs, job, unknown] = [
    await scriptsOf("/"),
    await scriptsOf("/jobs"),
    await scriptsOf("/jobs/job_1/log"),
    await scriptsOf("/jobs/job_1/log/none"),
  ];
  expect(jobs.filter((script) => script.includes("/jobs-page-"))).toHaveLength(1);
  expect(job.filter((script) => script.includes("/job-page-"))).toHaveLength(1);
  expect(unknown).toEqual(home);
  for (const named of [home, jobs, job]) {
    expect(named.length).toBeLessThanOrEqual(7);
    for (const script of named) {
      const text = await (await get(script)).text();
      const imported = [...text.matchAll(/(?:from|import)\s?"([^"]+\.js)"/g)].map(([, from = ""]) => from);
      expect(named).toEqual(expect.arrayContaining(imported));
    }
  }
});

test("the first page takes less than 150 KB, and is not sent to a browser that has it", async () => {
  const page = await get("/", { "accept-encoding": "gzip" });
  const html = new TextDecoder().decode(Bun.gunzipSync(await page.bytes()));
  let bytes = 0;
  for (const [, path = ""] of html.matchAll(/(?:src|href)="(\/portal\/assets\/[^"]+)"/g)) {
    const asset = await get(path, { "accept-encoding": "gzip" });
    expect(asset.headers.get("cache-control")).toContain("immutable");
    bytes += (await asset.bytes()).byteLength;
    const etag = asset.headers.get("etag") ?? "";
    const again = await get(path, { "if-none-match": etag });
    expect([again.status, (await again.bytes()).byteLength]).toEqual([304, 0]);
  }
  expect(bytes).toBeGreaterThan(5_000);
  expect(bytes).toBeLessThan(150_000);
  const smallest = await get("/", { "accept-encoding": "br;q=1, gzip;q=0.5" });
  expect(smallest.headers.get("content-encoding")).toBe("br");
  expect((await get("/")).headers.get("content-encoding")).toBeNull();
});

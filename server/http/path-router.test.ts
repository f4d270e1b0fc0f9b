import { expect, test } from "bun:test";
import { Hono } from "hono";
import { PathRouter } from "./path-router.ts";

test("routes are found as hono's own router finds them, the first time and later", async () => {
  const apps = [new Hono({ router: new PathRouter() }), new Hono()];
  for (const app of apps) {
    app.use(async (c, next) => {
      await next();
      c.res.headers.set("x-seen", c.req.path);
    });
    app.get("/jobs/list", (c) => c.text("list"));
    app.get("/jobs/:id", (c) => c.text(`job ${c.req.param("id")}`));
    app.all("/jobs/list", (c) => c.text("only GET", 405));
    app.get("/files/*", (c) => c.text(`file ${c.req.path}`));
  }
  const asked = [
    "GET /jobs/list",
    "POST /jobs/list",
    "GET /jobs/1",
    "GET /jobs/2",
    "GET /files/a/b",
    "GET /no",
  ];
  for (const text of [...asked, ...asked]) {
    const [method, path = ""] = text.split(" ");
    const answers = await Promise.all(apps.map((app) => app.request(path, { method })));
    const [own, hono] = await Promise.all(
      answers.map(async (one) => [one.status, await one.text(), one.headers.get("x-seen")]),
    );
    expect(own).toEqual(hono ?? []);
  }
});

test("a route that is added later is found, also if its path was asked for before", async () => {
  const router = new PathRouter<string>();
  router.add("GET", "/a", "first");
  expect(router.match("GET", "/a")[0]).toHaveLength(1);
  router.add("GET", "/a", "second");
  expect(router.match("GET", "/a")[0]).toHaveLength(2);
});

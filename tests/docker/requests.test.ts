import { expect, test } from "bun:test";
import { testImage } from "../support/docker.ts";
import { DockerStage } from "./docker-stage.ts";
import { ALONE } from "./docker-under-test.ts";
import { RefusingEngine } from "./refusing-engine.ts";

test("a job takes nine requests to its engine", async () => {
  using proxy = await RefusingEngine.start();
  using stage = new DockerStage({ environment: proxy.environment });
  const job = { image: await testImage(), docker: ALONE };
  await stage.run({ ...job, command: "true" });
  proxy.requests.length = 0;
  expect((await stage.run({ ...job, command: "sleep 0.2" })).exit).toEqual({ exitCode: 0 });
  expect(proxy.requests).toEqual([
    "GET /_ping",
    `GET /images/${job.image}/json`,
    "POST /containers/create",
    "POST /containers/ID/attach",
    "POST /containers/ID/start",
    "GET /containers/ID/json",
    "POST /containers/ID/wait",
    "GET /containers/ID/json",
    "DELETE /containers/ID",
  ]);
  await stage.executor.close();
});

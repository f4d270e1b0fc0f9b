import { expect, test } from "bun:test";
import { testImage } from "../support/docker.ts";
import { waitFor, within } from "../support/wait.ts";
import { DockerStage } from "./docker-stage.ts";
import { ALONE } from "./docker-under-test.ts";
import { RefusingEngine } from "./refusing-engine.ts";

test("a container that the engine does not remove delays no other job, and is removed once the engine allows it", async () => {
  using proxy = await RefusingEngine.start();
  using stage = new DockerStage({ environment: proxy.environment });
  const job = { image: await testImage(), docker: ALONE };
  proxy.removes("refused");
  const stuck = await stage.run({ ...job, command: "exit 3" });
  expect(stuck.exit).toEqual({ exitCode: 3 });
  expect(stuck.said).toEqual([expect.stringMatching(/could not be removed.*device or resource busy/)]);
  expect(await stage.containers()).toHaveLength(1);
  proxy.removes("hangs");
  const next = await within(5_000, "the next start", stage.start({ ...job, command: "echo up; exit 4" }));
  await within(5_000, "its output", next.until("up"));
  proxy.removes("done");
  expect(await next.task.wait()).toEqual({ exitCode: 4 });
  await waitFor("both containers to go", async () => (await stage.containers()).length === 0, {
    timeoutMs: 20_000,
  });
  await stage.executor.close();
});

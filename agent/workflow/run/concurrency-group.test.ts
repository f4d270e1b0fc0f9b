import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { makeScratch } from "../../../tests/support/scratch.ts";
import { waitFor } from "../../../tests/support/wait.ts";
import { ConcurrencyGroup } from "./concurrency-group.ts";

const never = new AbortController().signal;
const group = (
  directory: string,
  wish: { cancelInProgress?: boolean; queuesAll?: boolean; name?: string } = {},
) =>
  new ConcurrencyGroup(directory, "o/r", {
    group: wish.name ?? "deploy",
    cancelInProgress: wish.cancelInProgress ?? false,
    queuesAll: wish.queuesAll ?? false,
  });

test("one member runs, one waits, and a later one takes the place of the one that waits", async () => {
  await using scratch = await makeScratch();
  const first = await group(scratch.path).enter(never);
  const second = group(scratch.path).enter(never);
  const third = group(scratch.path).enter(never);
  expect(await second).toBeUndefined();
  expect(first?.cancelled.aborted).toBe(false);
  first?.leave();
  expect((await third)?.cancelled.aborted).toBe(false);
});

test("with cancel-in-progress the later one cancels the one that runs, and waits until it has ended", async () => {
  await using scratch = await makeScratch();
  const first = await group(scratch.path).enter(never);
  const second = group(scratch.path, { cancelInProgress: true }).enter(never);
  await waitFor("the cancel", () => first?.cancelled.aborted === true);
  expect(await Promise.race([second, Promise.resolve("waits")])).toBe("waits");
  first?.leave();
  expect(await second).toBeDefined();
});

test("queue: max cancels none that wait", async () => {
  await using scratch = await makeScratch();
  const first = await group(scratch.path).enter(never);
  const second = group(scratch.path, { queuesAll: true }).enter(never);
  const third = group(scratch.path, { queuesAll: true }).enter(never);
  first?.leave();
  (await second)?.leave();
  expect(await third).toBeDefined();
});

test("groups of other names do not wait for each other; upper and lower case are one", async () => {
  await using scratch = await makeScratch();
  await group(scratch.path).enter(never);
  expect(await group(scratch.path, { name: "other" }).enter(never)).toBeDefined();
  const cancel = new AbortController();
  const same = group(scratch.path, { name: "DEPLOY" }).enter(cancel.signal);
  cancel.abort();
  expect(await same).toBeUndefined();
});

test("a member whose process was killed is gone", async () => {
  await using scratch = await makeScratch();
  const module = join(import.meta.dirname, "concurrency-group.ts");
  const script = `
    const { ConcurrencyGroup } = await import(${JSON.stringify(module)});
    const wish = { group: "deploy", cancelInProgress: false, queuesAll: false };
    await new ConcurrencyGroup(process.argv[1], "o/r", wish).enter(new AbortController().signal);
    console.log("in");
    setInterval(() => {}, 1_000);`;
  const child = Bun.spawn([process.execPath, "-e", script, scratch.path], { stdout: "pipe" });
  await child.stdout.getReader().read();
  const second = group(scratch.path).enter(never);
  child.kill("SIGKILL");
  const member = await second;
  expect(member).toBeDefined();
  member?.leave();
  const [directory = ""] = readdirSync(scratch.join("concurrency"));
  const left = readdirSync(scratch.join("concurrency", directory)).filter((name) => name !== "door");
  expect(left.filter((name) => name.includes("0000000002"))).toEqual([]);
});

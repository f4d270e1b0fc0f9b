import { setDefaultTimeout, test } from "bun:test";
import { raceTheCollector } from "../support/collector-race.ts";
import { makeScratch } from "../support/scratch.ts";

setDefaultTimeout(600_000);

test("no artifact lacks a blob while files are collected all the time, and nothing is left in the end, whenever the server is killed", async () => {
  await using scratch = await makeScratch();
  await raceTheCollector(["sqlite", scratch.path], { servers: 1, kills: 4, complete: 40 });
});

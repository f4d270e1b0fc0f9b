import { afterEach, expect, test } from "bun:test";
import { setImmediate as turn } from "node:timers/promises";
import { LeftError } from "../exit/failure.ts";
import { readHiddenLine } from "./hidden-line.ts";

const { setRawMode } = process.stdin;

afterEach(() => {
  process.stdin.setRawMode = setRawMode;
});

test("Ctrl-C while the question is still being written leaves it, as it does afterwards", async () => {
  process.stdin.setRawMode = () => process.stdin;
  const ask = async () => {
    process.emit("SIGINT");
    await turn();
  };
  const left = readHiddenLine(ask, async () => {});
  expect(await left.catch((error: unknown) => error)).toBeInstanceOf(LeftError);
});

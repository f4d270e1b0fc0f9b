import { expect, test } from "bun:test";
import { createComputeClient } from "../../sdk/index.ts";
import { BrokenPipeError, Output } from "../output/output.ts";
import { attached } from "./attached.ts";

test("a reader that goes is a broken pipe, also when closing the output fails as well", async () => {
  const compute = createComputeClient({ url: "http://127.0.0.1:1", token: "unused" });
  const first = new BrokenPipeError("the reader went");
  const body = async () => {
    await using _writer = {
      [Symbol.asyncDispose]: () => Promise.reject(new BrokenPipeError("the writer could not be closed")),
    };
    throw first;
  };
  const ended = attached(compute, ["job_00000000000000000000000000"], new Output(), body);
  expect(await ended.catch((error: unknown) => error)).toBe(first);
});

import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import type { StreamEvent } from "./handler.ts";
import { sseResponse } from "./sse.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

async function* nothing(): AsyncGenerator<StreamEvent[]> {
  await new Promise(() => undefined);
}

test("a stream that nobody reads, such as the answer to HEAD, leaves no timer behind; a stream being read has one", async () => {
  const { body } = sseResponse(nothing(), { onGone: () => undefined, onError: () => undefined }, "1");
  expect(jest.getTimerCount()).toBe(0);
  const reader = body?.getReader();
  await reader?.read();
  expect(jest.getTimerCount()).toBe(1);
  await reader?.cancel();
  expect(jest.getTimerCount()).toBe(0);
});

import { expect, test } from "bun:test";
import { LogOutlet } from "./log-outlet.ts";

test("there is room until too much text waits, and again when the reader has it", async () => {
  const read = Promise.withResolvers<void>();
  const outlet = new LogOutlet(() => read.promise);
  outlet.write("x".repeat(1024 * 1024));
  expect(outlet.room()).toBeUndefined();
  outlet.write("x".repeat(4 * 1024 * 1024));
  const room = outlet.room();
  expect(room).toBeInstanceOf(Promise);
  read.resolve();
  await room;
  expect(outlet.room()).toBeUndefined();
});

test("a reader that is gone needs no room", async () => {
  const outlet = new LogOutlet(() => Promise.reject(new Error("broken pipe")));
  outlet.write("x".repeat(5 * 1024 * 1024));
  await outlet.room();
  expect(outlet.room()).toBeUndefined();
});

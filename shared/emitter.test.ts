import { describe, expect, test } from "bun:test";
import { Emitter } from "./emitter.ts";

describe("an emitter", () => {
  test("calls every subscriber with the arguments, in the order they subscribed", () => {
    const changed = new Emitter<[number, string]>();
    const heard: unknown[] = [];
    changed.subscribe((...args) => heard.push(["first", ...args]));
    changed.subscribe((...args) => heard.push(["second", ...args]));
    changed.emit(7, "seven");
    expect(heard).toEqual([
      ["first", 7, "seven"],
      ["second", 7, "seven"],
    ]);
  });

  test("emits without subscribers", () => {
    new Emitter().emit();
  });

  test("no longer calls a subscriber that unsubscribed, and still calls the others", () => {
    const changed = new Emitter();
    const heard: string[] = [];
    const hear = () => heard.push("same");
    const stop = changed.subscribe(hear);
    changed.subscribe(hear);
    changed.emit();
    expect(heard).toEqual(["same", "same"]);
    stop();
    stop();
    changed.emit();
    expect(heard).toEqual(["same", "same", "same"]);
  });

  test("calls a subscriber added during an emit only from the next emit on", () => {
    const changed = new Emitter();
    let late = 0;
    const stop = changed.subscribe(() => changed.subscribe(() => late++));
    changed.emit();
    expect(late).toBe(0);
    stop();
    changed.emit();
    expect(late).toBe(1);
  });

  test("calls the others when a subscriber throws, and throws its error afterwards", () => {
    const changed = new Emitter();
    const error = new Error("boom");
    let isCalled = false;
    changed.subscribe(() => {
      throw error;
    });
    changed.subscribe(() => {
      isCalled = true;
    });
    expect(() => changed.emit()).toThrow(error);
    expect(isCalled).toBe(true);
  });

  test("throws all errors together when several subscribers throw", () => {
    const changed = new Emitter();
    const errors = [new Error("one"), new Error("two")];
    for (const error of errors)
      changed.subscribe(() => {
        throw error;
      });
    const emitted = (() => {
      try {
        changed.emit();
      } catch (error) {
        return error;
      }
    })();
    expect(emitted).toBeInstanceOf(AggregateError);
    expect((emitted as AggregateError).errors).toEqual(errors);
  });
});

import { describe, expect, test } from "bun:test";
import { taskLimits } from "./task-limits.ts";

const nothing = { cpu: 0, memoryMb: 0, gpuCount: 0 };

describe("what a job is held to", () => {
  test("is the owner's cap where the job asks for nothing or for more", () => {
    expect(taskLimits({ cpu: 2, memoryMb: 512 }, nothing)).toEqual({ cpu: 2, memoryMb: 512 });
    expect(taskLimits({ cpu: 2 }, { ...nothing, cpu: 4 })).toEqual({ cpu: 2 });
  });

  test("is what the job asked for where that is less, or where the owner says nothing", () => {
    expect(taskLimits({ cpu: 2, pids: 64 }, { ...nothing, cpu: 0.5 })).toEqual({ cpu: 0.5, pids: 64 });
    expect(taskLimits({}, { ...nothing, memoryMb: 64 })).toEqual({ memoryMb: 64 });
  });

  test("is nothing where nobody limits anything", () => {
    expect(taskLimits({}, nothing)).toEqual({});
  });
});

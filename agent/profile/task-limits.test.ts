import { describe, expect, test } from "bun:test";
import { taskLimits } from "./task-limits.ts";

const nothing = { cpu: 0, memoryMb: 0, gpuCount: 0 };

describe("the limits of a job", () => {
  test("are the owner's caps when the job asks for nothing or for more", () => {
    expect(taskLimits({ cpu: 2, memoryMb: 512 }, nothing)).toEqual({ cpu: 2, memoryMb: 512 });
    expect(taskLimits({ cpu: 2 }, { ...nothing, cpu: 4 })).toEqual({ cpu: 2 });
  });

  test("are what the job asked for when that is less, or when the owner sets no cap", () => {
    expect(taskLimits({ cpu: 2, pids: 64 }, { ...nothing, cpu: 0.5 })).toEqual({ cpu: 0.5, pids: 64 });
    expect(taskLimits({}, { ...nothing, memoryMb: 64 })).toEqual({ memoryMb: 64 });
  });

  test("are empty when neither the owner nor the job sets any", () => {
    expect(taskLimits({}, nothing)).toEqual({});
  });
});

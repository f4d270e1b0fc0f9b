import { expect, test } from "bun:test";
import { gpusForJob } from "./job-gpus.ts";

const gpus = Array.from({ length: 8 }, (_, index) => ({
  vendor: "nvidia" as const,
  index,
  uuid: `GPU-${index}`,
}));

test("a job gets its devices by UUID, and does not start if one of them is gone", () => {
  const others = { held: [], offered: 8 };
  expect(gpusForJob(gpus, [5, 2], others)).toEqual([
    { vendor: "nvidia", index: 5, uuid: "GPU-5" },
    { vendor: "nvidia", index: 2, uuid: "GPU-2" },
  ]);
  expect(() => gpusForJob(gpus, [0, 8], others)).toThrow("given GPU 8, but this node has 8 now");
});

test("instead of a device that another job holds, a job gets a free one that the owner offers, or does not start", () => {
  const held = [{ vendor: "nvidia" as const, index: 7, uuid: "GPU-1" }];
  const namesOf = (indexes: number[], offered: number) =>
    gpusForJob(gpus, indexes, { held, offered }).map((gpu) => gpu.uuid);
  expect(namesOf([1, 0], 3)).toEqual(["GPU-2", "GPU-0"]);
  expect(() => namesOf([1, 0], 2)).toThrow(
    "GPU 1 (GPU-1), which another job still uses, and no other is free",
  );
});

import { CgroupKeeper } from "./cgroup-keeper.ts";
import { findCgroupV1 } from "./cgroup-v1.ts";
import { findCgroupV2 } from "./delegate.ts";
import type { LimitKeeper } from "./limit-keeper.ts";
import { SamplingKeeper } from "./sampling-keeper.ts";

/** The best keeper that this process may use on this machine: control groups, version 2 before 1; otherwise samples. */
export async function chooseLimitKeeper(): Promise<LimitKeeper> {
  const sampling = new SamplingKeeper();
  if (process.platform !== "linux") return sampling;
  const tree = (await findCgroupV2()) ?? findCgroupV1();
  return tree ? new CgroupKeeper(tree, sampling) : sampling;
}

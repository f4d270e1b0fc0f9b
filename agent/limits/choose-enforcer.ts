import { CgroupEnforcer } from "./cgroup-enforcer.ts";
import { findCgroupV1 } from "./cgroup-v1.ts";
import { findCgroupV2 } from "./delegate.ts";
import type { LimitEnforcer } from "./limit-enforcer.ts";
import { SamplingEnforcer } from "./sampling-enforcer.ts";

/** The best way to enforce limits that this process may use here: control groups, version 2 before 1; otherwise samples. */
export async function chooseLimitEnforcer(): Promise<LimitEnforcer> {
  const sampling = new SamplingEnforcer();
  if (process.platform !== "linux") return sampling;
  const tree = (await findCgroupV2()) ?? findCgroupV1();
  return tree ? new CgroupEnforcer(tree, sampling) : sampling;
}

import type { Labels } from "../../shared/labels.ts";
import type { AndroidFacts } from "./android.ts";
import type { DockerFacts } from "./docker.ts";
import type { MachineGpu } from "./gpu.ts";
import type { HostFacts } from "./host.ts";
import type { MetalFacts } from "./metal.ts";
import type { NvidiaFacts } from "./nvidia.ts";
import type { RocmFacts } from "./rocm.ts";

/** What is known about this machine. */
export interface MachineFacts {
  host: HostFacts;
  /** The devices for jobs, all from one vendor, numbered from 0. */
  gpus: MachineGpu[];
  nvidia?: Omit<NvidiaFacts, "gpus">;
  rocm?: Omit<RocmFacts, "gpus">;
  metal?: Omit<MetalFacts, "gpus">;
  docker?: DockerFacts;
  android?: AndroidFacts;
  /** Sentences for the owner of the machine: what is installed but does not work. */
  problems: string[];
  /** All of it as labels, by which jobs select machines. */
  labels: Labels;
}

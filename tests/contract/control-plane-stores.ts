import type { AssignStore } from "../../server/dispatch/assign-store.ts";
import type { ExecutionStore } from "../../server/execution/execution-store.ts";
import type { JobFlowStore } from "../../server/job/flow-store.ts";
import type { JobStore } from "../../server/job/job-store.ts";
import type { NodeStore } from "../../server/node/node-store.ts";
import type { RetentionStore } from "../../server/retention/retention-store.ts";

/** The stores that the contracts of jobs, nodes and executions need. */
export interface ControlPlaneStores {
  jobs: JobStore;
  nodes: NodeStore;
  executions: ExecutionStore;
  assignments: AssignStore;
  flow: JobFlowStore;
  retention: RetentionStore;
  close(): Promise<void>;
}

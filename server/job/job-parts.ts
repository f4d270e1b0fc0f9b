import type { Identity } from "../../shared/auth.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import type { RunStore } from "../workflow/run-store.ts";
import type { JobFlow } from "./job-flow.ts";
import type { NeedsCheck } from "./job-needs.ts";
import type { JobStore } from "./job-store.ts";
import type { ManualRetry } from "./manual-retry.ts";

/** Refuses jobs that could not be paid for. */
export type SubmitCheck = (
  by: Pick<Identity, "businessId" | "userId">,
  manifests: readonly JobManifest[],
) => Promise<void>;

/** What `JobService` and `ManyJobs` need. */
export interface JobParts {
  jobs: JobStore;
  flow: JobFlow;
  retries: ManualRetry;
  now: () => number;
  checkSubmit?: SubmitCheck;
  checkNeeds?: NeedsCheck;
  /** Where the runs of workflows are; absent: there are none. */
  runs?: Pick<RunStore, "find">;
}

import type { RecordAudit } from "../../shared/audit.ts";
import type { Logger } from "../../shared/logger.ts";
import type { Clocks } from "../../shared/standstill.ts";
import type { BlobStore } from "../blob/blob-store.ts";
import type { Bus } from "../bus/bus.ts";
import type { Ownership } from "../http/ownership.ts";
import type { History } from "../stats/history.ts";
import type { PeriodicTask, TaskRunner } from "../tasks/periodic.ts";
import type { TrashBin } from "../trash/bin.ts";
import type { Stores } from "./stores.ts";

/** What every group of features is put together from. */
export interface PlaneBase {
  stores: Stores;
  /** Where the content of files is. */
  blobs: BlobStore;
  bus: Bus;
  /** Who may change what belongs to whom. */
  ownership: Ownership;
  log: Logger;
  /** Writes into the audit log. */
  record: RecordAudit;
  /** Where deletions by people go. */
  bin: TrashBin;
  /** Counts what happens over time. */
  history: History;
  /** Epoch milliseconds. */
  now: () => number;
  /** The clocks of the machine that show whether it stood still; undefined means the real ones. */
  clocks: Clocks | undefined;
  /** Logs the failure of something that the server tries again. */
  onError: (what: string, error: unknown) => void;
  runnerOf: (task: PeriodicTask) => TaskRunner;
}

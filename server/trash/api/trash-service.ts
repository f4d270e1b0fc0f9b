import type { Identity } from "../../../shared/auth.ts";
import { ComputeError } from "../../../shared/errors.ts";
import { may } from "../../../shared/roles.ts";
import type { ArtifactStore } from "../../artifact/artifact-store.ts";
import type { RetentionStore } from "../../retention/retention-store.ts";
import type { ScheduleStore } from "../../schedule/schedule-store.ts";
import type { SecretStore } from "../../secret/secret-store.ts";
import type { PeriodicTask } from "../../tasks/periodic.ts";
import type { TemplateStore } from "../../template/template-store.ts";
import type { TrashRecord, TrashStore } from "../trash-store.ts";

const EVERY_MS = 3_600_000;
/** How many entries one run removes; the next run continues. */
const PER_RUN = 100;
const CONTINUE_AFTER_MS = 1_000;

export interface TrashParts {
  trash: TrashStore;
  jobs: Pick<RetentionStore, "deleteTrashedJobs">;
  templates: Pick<TemplateStore, "remove">;
  schedules: Pick<ScheduleStore, "delete">;
  secrets: Pick<SecretStore, "remove">;
  artifacts: Pick<ArtifactStore, "delete">;
  /** Called when something is gone for good: its logs and files can go too. */
  onGone(): void;
  /** Epoch milliseconds. */
  now: () => number;
}

type By = Pick<Identity, "businessId" | "userId" | "role">;

/** Brings back what people deleted, or deletes it for good. */
export class TrashService {
  constructor(private readonly parts: TrashParts) {}

  list(businessId: string, beforeTrashId: string | undefined, limit: number): Promise<TrashRecord[]> {
    return this.parts.trash.list(businessId, beforeTrashId, limit);
  }

  /** Throws `not_found`, `forbidden` or `conflict`. */
  async restore(by: By, trashId: string): Promise<TrashRecord> {
    const found = await this.own(by, trashId);
    const outcome = await this.parts.trash.restore(by.businessId, trashId);
    if (outcome === "missing") throw notFound(trashId);
    if (outcome === "restored") return found;
    throw new ComputeError(
      "conflict",
      `${found.name ?? found.items.join(", ")} cannot come back: there is another ${found.kind === "secrets" ? "secret" : found.kind} of that name now. Delete that one first.`,
    );
  }

  /** Deletes for good. Throws `not_found` or `forbidden`. */
  async empty(by: By, trashId: string): Promise<TrashRecord> {
    const found = await this.own(by, trashId);
    await this.remove(found);
    this.parts.onGone();
    return found;
  }

  /** Deletes for good what has been in the trash for its time. Resolves with how many entries that were. */
  async removeExpired(nowMs: number): Promise<number> {
    const expired = await this.parts.trash.expired(nowMs, PER_RUN);
    for (const entry of expired) await this.remove(entry);
    if (expired.length > 0) this.parts.onGone();
    return expired.length;
  }

  /** The entry is removed last, so that a removal that breaks off is made again. */
  private async remove(entry: TrashRecord): Promise<void> {
    const { jobs, templates, schedules, secrets, artifacts, trash, now } = this.parts;
    const { trashId, businessId, items } = entry;
    switch (entry.kind) {
      case "jobs":
        await jobs.deleteTrashedJobs(entry, now());
        break;
      case "template":
        for (const id of items) await templates.remove(trashId, id);
        break;
      case "schedule":
        for (const id of items) await schedules.delete(trashId, id);
        break;
      case "secrets":
        await secrets.remove(trashId, items);
        break;
      case "artifacts":
        await artifacts.delete(businessId, items);
    }
    await trash.forget(trashId);
  }

  private async own(by: By, trashId: string): Promise<TrashRecord> {
    const found = await this.parts.trash.find(by.businessId, trashId);
    if (!found) throw notFound(trashId);
    if (found.userId === by.userId || may(by.role, "trash.change-others")) return found;
    throw new ComputeError("forbidden", "Somebody else deleted this. Ask them, an owner or an admin.");
  }
}

/** `compute-trash`: deletes for good what has been in the trash for its time. */
export function trashTask(service: TrashService): PeriodicTask {
  return {
    name: "compute-trash",
    intervalMs: EVERY_MS,
    runsOn: "one",
    async runOnce(nowMs) {
      const removed = await service.removeExpired(nowMs);
      return { nextDueAtMs: removed >= PER_RUN ? nowMs + CONTINUE_AFTER_MS : undefined };
    },
  };
}

function notFound(trashId: string): ComputeError {
  return new ComputeError("not_found", `There is no ${trashId} in the trash of this business.`);
}

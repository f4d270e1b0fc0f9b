import { auditHandlers } from "../audit/api/handlers.ts";
import { AUDIT_KEY, AuditLog } from "../audit/audit-log.ts";
import { auditCutTask } from "../audit/cut-task.ts";
import { settledClock } from "../retention/retention-task.ts";
import type { RetentionSettings } from "../retention/settings.ts";
import type { PlaneBase } from "./base.ts";

/** The audit log, whose chains are sealed with a key that all servers of the store share. */
export async function openAuditLog({
  stores,
  log,
  now,
}: Pick<PlaneBase, "stores" | "log" | "now">): Promise<AuditLog> {
  return new AuditLog({ store: stores.audit, key: await stores.sessions.secret(AUDIT_KEY), log, now });
}

/** Shows the audit log, and removes what is too old. */
export async function composeAudit(
  { stores, clocks, runnerOf }: PlaneBase,
  { keepAuditMs }: Pick<RetentionSettings, "keepAuditMs">,
) {
  const task = auditCutTask({
    store: stores.audit,
    key: await stores.sessions.secret(AUDIT_KEY),
    keepMs: keepAuditMs,
    isClockSettled: settledClock(clocks?.monotonicMs),
  });
  return { handlers: auditHandlers(stores.audit), runner: runnerOf(task) };
}

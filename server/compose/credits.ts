import type { SessionStore } from "../auth/session-store.ts";
import type { Bus } from "../bus/bus.ts";
import { CreditMetering, type MeteringParts } from "../credit/credit-metering.ts";
import { CreditService } from "../credit/credit-service.ts";
import { creditHandlers } from "../credit/handlers.ts";
import type { ExecutionService } from "../execution/execution-service.ts";
import type { JobFlowStore } from "../job/flow-store.ts";
import type { PeriodicTask } from "../tasks/periodic.ts";
import type { TemplateStore } from "../template/template-store.ts";

/** The metering of executions, the credit check of new jobs, and the handlers. */
export function composeCredits(
  parts: MeteringParts & {
    sessions: SessionStore;
    flow: Pick<JobFlowStore, "findMany">;
    templates: Pick<TemplateStore, "find">;
  },
) {
  const service = new CreditService(parts);
  const { pricing, now, flow, templates } = parts;
  const finds = { findJobs: flow.findMany.bind(flow), findTemplate: templates.find.bind(templates) };
  return {
    metering: new CreditMetering(parts),
    checkSubmit: service.checkSubmit.bind(service),
    estimate: service.estimate.bind(service),
    costsOf: service.costsOf.bind(service),
    handlers: creditHandlers(service, { pricing, now, ...finds }),
  };
}

export interface MeteringTaskParts {
  metering: CreditMetering;
  executionService: ExecutionService;
  bus: Bus;
}

/**
 * `compute-metering`: settles executions whose settlement was missed, reserves more credit for those that still run,
 * and ends those whose credit is used up.
 */
export function meteringTask({ metering, executionService, bus }: MeteringTaskParts): PeriodicTask {
  return {
    name: "compute-metering",
    intervalMs: 30_000,
    runsOn: "one",
    async runOnce(nowMs) {
      const { unpaid, nextDueAtMs } = await metering.reconcile(nowMs);
      await executionService.giveUp(unpaid, "CreditExhausted", "The credit for its hosted pool was used up.");
      for (const { nodeId, businessId } of unpaid) bus.publish("node", { nodeId, businessId });
      return { nextDueAtMs };
    },
  };
}

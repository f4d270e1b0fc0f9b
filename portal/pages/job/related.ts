import { ComputeError, type Job, type Node } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";

/** What is around a job, as far as it still exists. */
export function useNode(nodeId: string | undefined): Node | undefined {
  return useData(`node ${nodeId}`, async (signal) => {
    if (nodeId === undefined) return undefined;
    return orGone(compute.nodes.retrieve(nodeId, { signal }));
  }).value;
}

/** Names of the template, schedule and key that made the job; their ids if they are gone. */
export function useOrigin({ templateId, scheduleId, apiKeyId }: Job) {
  const template = useData(`template ${templateId}`, async (signal) =>
    templateId === undefined ? undefined : orGone(compute.templates.retrieve(templateId, { signal })),
  ).value;
  const schedule = useData(`schedule ${scheduleId}`, async (signal) =>
    scheduleId === undefined ? undefined : orGone(compute.schedules.retrieve(scheduleId, { signal })),
  ).value;
  return {
    template: templateId && { href: `/templates/${templateId}`, text: template?.name ?? templateId },
    schedule: scheduleId && { href: `/schedules/${scheduleId}`, text: schedule?.name ?? scheduleId },
    apiKeyId,
  };
}

/** What was deleted is left out; any other failure only leaves its name out too. */
async function orGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ComputeError && error.code === "not_found") return undefined;
    throw error;
  }
}

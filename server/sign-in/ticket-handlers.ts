import { ComputeError } from "../../shared/errors.ts";
import type { Tokens } from "../auth/tokens.ts";
import { userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";

/** Issues tickets with which a wait goes on after the token that it started with has expired. */
export function ticketHandlers(
  tokens: Tokens,
  hasJob: (businessId: string, jobId: string) => Promise<boolean>,
): Pick<Handlers, "jobs.wait-tickets"> {
  return {
    "jobs.wait-tickets": async ({ jobIds }, context) => {
      const by = userOf(context);
      const untilMs = by.apiKey ? by.accessUntilMs : undefined;
      for (const jobId of jobIds) {
        if (await hasJob(by.businessId, jobId)) continue;
        throw new ComputeError("not_found", `There is no job ${jobId} in this business.`);
      }
      const tickets = await Promise.all(
        jobIds.map(async (jobId) => {
          const { token, expiresAt } = await tokens.issueTicket(by, jobId, untilMs);
          return { jobId, ticket: token, expiresAt };
        }),
      );
      return { tickets };
    },
  };
}

import type { ParsedInput } from "../../shared/endpoints/index.ts";
import { ComputeError } from "../../shared/errors.ts";
import type { ExecutionStore } from "../execution/execution-store.ts";
import { businessOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { notFound } from "../node/node-service.ts";
import type { NodeStore } from "../node/node-store.ts";
import type { Overviews } from "./overview.ts";
import type { SeriesRange, SeriesReader } from "./series.ts";

export interface StatsHandlerParts {
  overviews: Overviews;
  series: SeriesReader;
  nodes: Pick<NodeStore, "find">;
  executions: Pick<ExecutionStore, "find">;
  now: () => number;
}

const DEFAULT_RANGE_MS = 3_600_000;

export function statsHandlers(parts: StatsHandlerParts): Pick<Handlers, "stats.overview" | "stats.series"> {
  const { overviews, series, nodes, executions, now } = parts;
  return {
    "stats.overview": (_, context) => overviews.of(businessOf(context)),
    "stats.series": async ({ of, ...input }, context) => {
      const businessId = businessOf(context);
      if (of.kind === "execution") {
        const found = await executions.find(businessId, of.id);
        if (!found) throw noExecution(of.id);
        return series.ofExecution(of.id, found.startedAtMs ?? found.assignedAtMs);
      }
      const range = rangeOf(input, now());
      if (of.kind === "business") return series.ofBusiness(businessId, range);
      if (!(await nodes.find(businessId, of.id))) throw notFound(of.id);
      return series.ofNode(of.id, range);
    },
  };
}

function rangeOf(input: Omit<ParsedInput<"stats.series">, "of">, nowMs: number): SeriesRange {
  const untilMs = input.until === undefined ? nowMs : Date.parse(input.until);
  const sinceMs = input.since === undefined ? untilMs - DEFAULT_RANGE_MS : Date.parse(input.since);
  return { sinceMs, untilMs, maxPoints: input.maxPoints };
}

function noExecution(executionId: string): ComputeError {
  return new ComputeError("not_found", `There is no execution ${executionId} in this business.`);
}

import { limits } from "../../shared/limits.ts";
import { type ExecutionReport, jsonBytes } from "../../shared/node.ts";
import type { ArtifactStore } from "../artifact/artifact-store.ts";

/**
 * The reports with only such an artifact as is the output of its execution. Another one is left out, and named among the
 * problems: a node must not give a job what belongs to another. Reads nothing if no report names an artifact.
 */
export async function withOwnOutputs(
  artifacts: Pick<ArtifactStore, "find">,
  businessId: string,
  reports: readonly ExecutionReport[],
): Promise<readonly ExecutionReport[]> {
  const ids = new Set(reports.flatMap(({ artifactId }) => artifactId ?? []));
  if (ids.size === 0) return reports;
  const found = await artifacts.find(businessId, [...ids]);
  const executionOf = new Map(
    found.flatMap(({ artifactId, kind, executionId }) =>
      kind === "output" ? [[artifactId, executionId] as const] : [],
    ),
  );
  return reports.map((report) => {
    const { artifactId, executionId } = report;
    if (artifactId === undefined || executionOf.get(artifactId) === executionId) return report;
    return withProblem({ ...report, artifactId: undefined }, artifactId);
  });
}

function withProblem(report: ExecutionReport, artifactId: string): ExecutionReport {
  const problem = { path: artifactId, message: "the server has no outputs of this attempt under this id" };
  const outputProblems = [problem, ...(report.outputProblems ?? [])].slice(0, limits.maxOutputProblems);
  // The others may be left out; what this says matters most.
  return jsonBytes(outputProblems) > limits.maxOutputProblemsBytes
    ? { ...report, outputProblems: [problem] }
    : { ...report, outputProblems };
}

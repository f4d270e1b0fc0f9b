import type { Artifact } from "../../sdk/index.ts";
import { bytesText } from "../../shared/bytes-text.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findArtifact } from "../connection/find-id.ts";
import { formatFields } from "../output/format.ts";
import { artifactPositional } from "./artifact-positional.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [artifactPositional],
  examples: [{ line: "artifact get $id", does: "Where it comes from, and how long it is kept" }],
  details: "artifact list ID lists its files, and artifact download ID fetches them.",
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const artifactId = await findArtifact(compute, positionals[0] ?? "", output);
    const artifact = await compute.artifacts.get(artifactId, patience(output));
    await (options.json
      ? output.json(artifact)
      : output.painted(formatFields(describe(artifact), output.resultLook)));
    return 0;
  },
});

function describe(artifact: Artifact): Record<string, unknown> {
  return {
    artifactId: artifact.artifactId,
    kind: artifact.kind,
    name: artifact.name,
    type: artifact.type,
    files: artifact.files,
    size: bytesText(artifact.bytes),
    jobId: artifact.jobId,
    attempt: artifact.attempt,
    createdAt: artifact.createdAt,
    expiresAt: artifact.expiresAt ?? "never",
  };
}

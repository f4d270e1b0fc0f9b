import { counted } from "../../shared/counted.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findArtifacts } from "../connection/find-id.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { artifactPositional } from "./artifact-positional.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ ...artifactPositional, repeat: true }],
  examples: [{ line: "artifact delete $id", does: "Delete it before its time" }],
  details:
    "It can be brought back for 30 days, see trash list. Until then it counts for the limit of the business.",
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const artifactIds = [...new Set(await findArtifacts(compute, positionals, output))];
    const deleted = await compute.artifacts.delete(artifactIds, patience(output));
    const missing = artifactIds.filter((artifactId) => !deleted.includes(artifactId));
    if (options.json) await output.json({ deleted, missing });
    for (const artifactId of missing)
      await output.note(`tanvrit-compute: there is no artifact ${artifactId}`);
    if (!options.json) await output.note(`tanvrit-compute: ${counted(deleted.length, "artifact")} deleted`);
    return missing.length > 0 ? exitCodes.notFound : exitCodes.ok;
  },
});

import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { checkExecutionId } from "../connection/find-id.ts";
import { formatFields } from "../output/format.ts";
import { runTree } from "../output/run-tree.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "EXECUTION", help: "its id" }],
  examples: [{ line: "execution get $id --json", does: "Everything that is known about one attempt" }],
  async run({ options, positionals, env, output }) {
    const executionId = checkExecutionId(positionals[0] ?? "");
    const { executions } = await connect(env, options);
    const execution = await executions.retrieve(executionId, patience(output));
    if (options.json) {
      await output.json(execution);
      return 0;
    }
    const { resources, gpuIndexes, workflowRun, ...rest } = execution;
    const gpus = gpuIndexes.length > 0 ? gpuIndexes.join(", ") : undefined;
    const fields = { ...rest, cpu: resources.cpu, memoryMb: resources.memoryMb, gpus };
    await output.painted(formatFields(fields, output.resultLook));
    if (workflowRun) {
      await output.result("");
      await output.painted(runTree(workflowRun, execution.finishedAt !== undefined, output.resultLook));
    }
    return 0;
  },
});

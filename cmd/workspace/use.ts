import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { CliError } from "../exit/failure.ts";
import { DEFAULT_WORKSPACE, loadWorkspaces, updateWorkspaces } from "./workspaces.ts";

export const command = defineCommand({
  options: jsonOption,
  positionals: [{ name: "WORKSPACE", help: "its name, as workspace list shows it" }],
  examples: [{ line: "workspace use work", does: "Commands without --workspace use work from now on" }],
  async run({ options, positionals, env, output }) {
    const name = positionals[0] ?? "";
    const { workspaces } = await loadWorkspaces(env);
    if (!Object.hasOwn(workspaces, name) && name !== DEFAULT_WORKSPACE) {
      throw new CliError("not_found", `there is no workspace ${name}`, {
        todo: `See tanvrit-compute workspace list, or sign in with tanvrit-compute auth login --workspace ${name} --url URL`,
      });
    }
    await updateWorkspaces(env, (latest) => ({ ...latest, current: name }));
    if (options.json) await output.json({ current: name });
    else await output.note(`The current workspace is ${name}.`);
    if (env.TANVRIT_WORKSPACE && env.TANVRIT_WORKSPACE !== name) {
      await output.note(`TANVRIT_WORKSPACE is set: commands use ${env.TANVRIT_WORKSPACE} until it is unset.`);
    }
    return 0;
  },
});

import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { showList } from "../output/list.ts";
import { DEFAULT_URL, DEFAULT_WORKSPACE, loadWorkspaces, type WorkspaceConfig } from "./workspaces.ts";

export const command = defineCommand({
  options: jsonOption,
  examples: [{ line: "workspace list", does: "The workspace marked with * is current" }],
  async run({ options, env, output }) {
    const config = await loadWorkspaces(env);
    const current = env.TANVRIT_WORKSPACE || config.current || DEFAULT_WORKSPACE;
    const all: WorkspaceConfig["workspaces"] = {
      [DEFAULT_WORKSPACE]: { url: DEFAULT_URL },
      ...config.workspaces,
    };
    const rows = Object.entries(all).map(([name, workspace]) => ({
      name,
      current: name === current,
      ...workspace,
    }));
    return showList(output, options, rows, {
      "": (row) => (row.current ? "*" : ""),
      NAME: (row) => row.name,
      URL: (row) => row.url,
      "SIGNED IN": ({ identity }) =>
        identity ? `${identity.userName} of ${identity.businessName}` : "not signed in",
    });
  },
});

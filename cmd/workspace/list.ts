import { defineCommand } from "../command.ts";
import { jsonOption } from "../common-options.ts";
import { formatTable } from "../format.ts";
import { DEFAULT_URL, DEFAULT_WORKSPACE, loadWorkspaces, type WorkspaceConfig } from "../workspaces.ts";

export const command = defineCommand({
  options: jsonOption,
  examples: [{ line: "workspace list", does: "The one marked with * is current" }],
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
    if (options.json) {
      await output.json(rows);
      return 0;
    }
    const cells = rows.map(({ name, url, identity, ...row }) => {
      const who = identity ? `${identity.userName} of ${identity.businessName}` : "not signed in";
      return [row.current ? "*" : "", name, url, who];
    });
    await output.result(formatTable(["", "NAME", "URL", "SIGNED IN"], cells));
    return 0;
  },
});

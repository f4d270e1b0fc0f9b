import { accountName } from "../../shared/auth.ts";
import { defineOptions, optionText } from "../../shared/config/options.ts";
import { jsonOption } from "../command/common-options.ts";
import { DEFAULT_URL, DEFAULT_WORKSPACE } from "../workspace/workspaces.ts";

const serverUrl = optionText.refine((text) => /^https?:\/\/[^/]/.test(text) && URL.canParse(text), {
  error: "must be a URL that begins with http:// or https://",
});

/** Options of every command that talks to a server. */
export const connectionOptions = defineOptions({
  workspace: {
    kind: "value",
    group: "Connection",
    placeholder: "NAME",
    env: "TANVRIT_WORKSPACE",
    schema: accountName.optional(),
    defaultText: `the current workspace, or ${DEFAULT_WORKSPACE}`,
    help: "The workspace to use",
  },
  url: {
    kind: "value",
    group: "Connection",
    placeholder: "URL",
    env: "TANVRIT_URL",
    schema: serverUrl.optional(),
    defaultText: `the workspace's URL, or ${DEFAULT_URL}`,
    help: "The server's URL",
  },
});

export const clientOptions = { ...connectionOptions, ...jsonOption };

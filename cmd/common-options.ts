import { accountName } from "../shared/auth.ts";
import { defineOptions, flagOption, optionText } from "../shared/config/options.ts";
import { executionId, jobId, nodeId, scheduleId } from "../shared/ids.ts";
import { CliError } from "./failure.ts";
import { DEFAULT_URL, DEFAULT_WORKSPACE } from "./workspaces.ts";

const serverUrl = optionText.refine((text) => /^https?:\/\/[^/]/.test(text) && URL.canParse(text), {
  error: "must be a URL that begins with http:// or https://",
});

/** Options of every command that prints something for programs. */
export const jsonOption = defineOptions({
  json: flagOption("Print JSON; errors too, as one object on stderr", "Output and waiting"),
});

/** Options of every command that talks to a server. */
export const connectionOptions = defineOptions({
  workspace: {
    kind: "value",
    group: "Connection",
    placeholder: "NAME",
    env: "TANVRIT_WORKSPACE",
    schema: accountName.optional(),
    defaultText: `the one chosen by workspace use, or ${DEFAULT_WORKSPACE}`,
    help: "The workspace to use",
  },
  url: {
    kind: "value",
    group: "Connection",
    placeholder: "URL",
    env: "TANVRIT_URL",
    schema: serverUrl.optional(),
    defaultText: `the workspace's, or ${DEFAULT_URL}`,
    help: "The server's URL",
  },
});

export const clientOptions = { ...connectionOptions, ...jsonOption };

const idKinds = { job: jobId, node: nodeId, execution: executionId, schedule: scheduleId };

/** Refuses what cannot be an id before the server is asked. */
export function checkId(kind: keyof typeof idKinds, text: string): string {
  const result = idKinds[kind].safeParse(text);
  if (result.success) return text;
  throw new CliError("usage", `${text} is no ${kind} id: ${result.error.issues[0]?.message}`);
}

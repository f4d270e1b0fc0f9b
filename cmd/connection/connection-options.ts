import { z } from "zod";
import { accountName } from "../../shared/auth.ts";
import { defineOptions, optionText } from "../../shared/config/options.ts";
import { fingerprint } from "../../shared/server-pin.ts";
import { jsonOption } from "../command/common-options.ts";
import { DEFAULT_URL, DEFAULT_WORKSPACE } from "../workspace/workspaces.ts";

const serverUrl = () =>
  optionText.refine((text) => /^https?:\/\/[^/]/.test(text) && URL.canParse(text), {
    error: "must be a URL that begins with http:// or https://",
  });

/** Options of every command that talks to a server. */
export const connectionOptions = defineOptions({
  workspace: {
    kind: "value",
    group: "Connection",
    placeholder: "NAME",
    env: "TANVRIT_WORKSPACE",
    schema: () => accountName,
    defaultText: `the current workspace, or ${DEFAULT_WORKSPACE}`,
    help: "The workspace to use",
  },
  url: {
    kind: "value",
    group: "Connection",
    placeholder: "URL",
    env: "TANVRIT_URL",
    schema: serverUrl,
    defaultText: `the workspace's URL, or ${DEFAULT_URL}`,
    help: "The server's URL",
  },
  fingerprint: {
    kind: "value",
    group: "Connection",
    placeholder: "SHA256:…",
    env: "TANVRIT_FINGERPRINT",
    schema: fingerprint,
    defaultText: "what the workspace knows since the sign-in",
    help: "The fingerprint of the server's certificate, if no authority signed it",
  },
  "insecure-http": {
    kind: "flag",
    group: "Connection",
    env: "TANVRIT_INSECURE_HTTP",
    schema: z.boolean({ error: "must be true or false" }).default(false),
    help: "Allow plain HTTP to other machines, where others on the network can read everything",
  },
});

export const clientOptions = { ...connectionOptions, ...jsonOption };

import { accountName } from "../../shared/auth.ts";
import { defineOptions, optionText } from "../../shared/config/options.ts";
import { own } from "../../shared/own.ts";
import { maintenanceAnswer } from "../../shared/sockets/local-server.ts";
import { type BrowserLinkRequest, browserLinkAnswer } from "../../shared/sockets/maintenance.ts";
import { defineCommand } from "../command/command.ts";
import { connectionOptions } from "../connection/connection-options.ts";
import { CliError } from "../exit/failure.ts";
import { openBrowser } from "../oauth/open-browser.ts";
import { DEFAULT_URL, DEFAULT_WORKSPACE, loadWorkspaces, plainUrl } from "../workspace/workspaces.ts";
import { isInsideJob } from "./inside-job.ts";
import { askHere } from "./local-server.ts";
import { localUserName } from "./local-user-name.ts";

const DEFAULT_BUSINESS = "local";

export const command = defineCommand({
  options: defineOptions({
    workspace: connectionOptions.workspace,
    url: connectionOptions.url,
    business: {
      kind: "value",
      placeholder: "NAME",
      schema: () => accountName,
      defaultText: "the workspace's, or local",
      help: "A business of the person; created if it does not exist",
    },
    user: {
      kind: "value",
      placeholder: "NAME",
      schema: () => accountName,
      defaultText: "the workspace's, or your name on this machine",
      help: "The person as whom the browser is signed in",
    },
    "data-dir": {
      kind: "value",
      placeholder: "DIR",
      env: "TANVRIT_DATA_DIR",
      schema: () => optionText.min(1),
      help: "The server's data directory, if the server cannot be found by its URL",
    },
  }),
  examples: [
    {
      line: "auth open",
      does: "See your jobs in the portal; there, your account has its password, passkeys and devices",
    },
  ],
  details: `Only on the server's own machine, and as the account that runs it: that account owns the server. The link in the
browser is valid once, for a minute.`,
  async run({ options, env, output }) {
    if (isInsideJob(env)) {
      throw new CliError("not_signed_in", "a job cannot act as the person whose machine it runs on");
    }
    const config = await loadWorkspaces(env);
    const known = own(config.workspaces, options.workspace ?? config.current ?? DEFAULT_WORKSPACE);
    const { "data-dir": dataDir } = options;
    const isByDirectory = options.url === undefined && dataDir !== undefined;
    const url = isByDirectory ? undefined : plainUrl(options.url ?? known?.url ?? DEFAULT_URL);
    const identity = known !== undefined && known.url === url ? known.identity : undefined;
    const business = options.business ?? identity?.businessName ?? DEFAULT_BUSINESS;
    const user = options.user ?? identity?.userName ?? localUserName();
    const request = (at: string): BrowserLinkRequest => ({
      maintain: "browser-link",
      url: at,
      business,
      user,
    });
    const answer = await askHere(env, { url, dataDir }, request, maintenanceAnswer);
    if (!answer) {
      throw new CliError("not_signed_in", `no server of your account on this machine is at ${url}`, {
        todo: `Open ${url}/sign-in in your browser, or run this on the server's machine as the account that runs it`,
      });
    }
    const { url: link } = browserLinkAnswer.parse(answer.result);
    const isOpening = openBrowser(env, link);
    await output.note(
      `${isOpening ? "Your browser opens. If it does not, open" : "Open"} this page, which signs the browser in as ${user}. It is valid once, for a minute.`,
    );
    await output.result(link);
    return 0;
  },
});

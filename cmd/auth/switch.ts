import { ComputeClient } from "../../sdk/client.ts";
import type { Env } from "../../shared/config/home.ts";
import type { EndpointOutput } from "../../shared/endpoints/index.ts";
import { defineCommand } from "../command/command.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { givenToken } from "../credentials/given.ts";
import { credentialsOf, SessionCredentials } from "../credentials/session.ts";
import { CliError } from "../exit/failure.ts";
import { showList } from "../output/list.ts";
import { type ChosenWorkspace, chooseWorkspace, updateWorkspaces } from "../workspace/workspaces.ts";

type Business = EndpointOutput<"auth.businesses">["businesses"][number];

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "BUSINESS", help: "its name or id; absent: list your businesses", optional: true }],
  examples: [
    { line: "auth switch", does: "List the businesses that you belong to; * marks the one in use" },
    { line: "auth switch lab", does: "Commands in this workspace work in lab from now on" },
  ],
  details: `The workspace gets a session in the other business, and the one before ends: nodes that were registered with it
take no new jobs there. An agent of this workspace goes on as a node of the other business.`,
  async run({ options, positionals, env, output }) {
    const workspace = await chooseWorkspace(env, options);
    const { name, url, proof } = workspace;
    const client = new ComputeClient({ url, proof, credentials: credentialsOf(env, workspace) });
    const [wanted] = positionals;
    const { businesses } = await client.call("auth.businesses", {});
    if (wanted === undefined) {
      return showList(output, options, businesses, {
        "": ({ isCurrent }) => (isCurrent ? "*" : ""),
        NAME: ({ businessName }) => businessName,
        ROLE: ({ role }) => role,
        ID: ({ businessId }) => businessId,
      });
    }
    const business = find(businesses, wanted);
    const { businessName, role, isCurrent } = business;
    if (!isCurrent) await switchTo(env, workspace, business);
    if (options.json) await output.json({ workspace: name, url, business });
    else await output.note(`Workspace ${name} is in ${businessName}, where you are ${role}.`);
    return 0;
  },
});

function find(businesses: readonly Business[], wanted: string): Business {
  const found = businesses.find(({ businessName, businessId }) =>
    [businessName, businessId].includes(wanted),
  );
  if (found) return found;
  const names = businesses.map(({ businessName }) => businessName).join(", ");
  throw new CliError("not_found", `you belong to no business called ${wanted}, only to ${names}`, {
    todo: `Ask an owner or admin of ${wanted} to invite you`,
  });
}

async function switchTo(env: Env, workspace: ChosenWorkspace, { businessId }: Business): Promise<void> {
  const given = givenToken(env);
  if (given) {
    throw new CliError("usage", `${given.variable} is set, and its token is for one business only`, {
      todo: `Unset it to use the workspace's own sign-in, or use a token for the other business`,
    });
  }
  const { name, url, proof, known } = workspace;
  const client = new ComputeClient({ url, proof });
  const credentials = new SessionCredentials(env, workspace);
  let before = { accessToken: "", refreshToken: "" };
  await credentials.replace(async ({ accessToken, refreshToken }) => {
    if (refreshToken === undefined) {
      throw new CliError("usage", `workspace ${name} is signed in with a token for one business only`, {
        todo: `Sign in to the other business with tanvrit-compute auth login --workspace ${name}`,
      });
    }
    before = { accessToken, refreshToken };
    const tokens = await client.call("auth.switch", { refreshToken, business: businessId });
    await updateWorkspaces(env, (latest) => ({
      ...latest,
      workspaces: {
        ...latest.workspaces,
        [name]: { ...(latest.workspaces[name] ?? known), url: known?.url ?? url, identity: tokens.identity },
      },
    }));
    return tokens;
  });
  // The new session is stored. If the old one cannot be ended now, it ends by itself when nobody renews it.
  const { revokeSession } = await import("../oauth/refresh.ts");
  await revokeSession(client, before).catch(() => undefined);
}

import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { basename } from "node:path";
import { z } from "zod";
import { ComputeClient } from "../../sdk/client.ts";
import { accountName, type TokenSet } from "../../shared/auth.ts";
import { defineOptions } from "../../shared/config/options.ts";
import { own } from "../../shared/own.ts";
import { defineCommand, type Env } from "../command.ts";
import { clientOptions } from "../common-options.ts";
import { openCredentialStore } from "../credentials/open.ts";
import { tokenOf } from "../credentials/session.ts";
import { type CredentialStore, CredentialStoreError, type StoredSession } from "../credentials/store.ts";
import { CliError } from "../failure.ts";
import type { Output } from "../output.ts";
import { DEFAULT_URL, DEFAULT_WORKSPACE, loadWorkspaces, plainUrl, updateWorkspaces } from "../workspaces.ts";

const options = defineOptions({
  ...clientOptions,
  business: {
    kind: "value",
    placeholder: "NAME",
    schema: accountName.default("local"),
    defaultText: "local",
    help: "The business to sign in to; made if it does not exist",
  },
  user: {
    kind: "value",
    placeholder: "NAME",
    schema: accountName.optional(),
    defaultText: "your name on this machine",
    help: "Who you are in that business",
  },
  "credential-store": {
    kind: "value",
    placeholder: "STORE",
    env: "TANVRIT_CREDENTIAL_STORE",
    schema: z.enum(["keychain", "file"], { error: "must be keychain or file" }).optional(),
    defaultText: "the keychain, where there is one",
    help: "Where to keep the tokens: keychain, or a file that only you can read",
  },
});

export const command = defineCommand({
  options,
  examples: [
    { line: "auth login --workspace local", does: "Sign in to the server on this machine" },
    {
      line: "auth login --workspace test --url http://127.0.0.1:7171",
      does: "Sign in to another one, under a name of its own",
    },
  ],
  details: `A server on this machine that runs as you needs no password: it writes a secret to a file that only you can
read, and this command reads it. For a server elsewhere set TANVRIT_TOKEN to what auth print-token prints there.`,
  async run({ options, env, output }) {
    const config = await loadWorkspaces(env);
    const name = options.workspace ?? config.current ?? DEFAULT_WORKSPACE;
    const url = plainUrl(options.url ?? own(config.workspaces, name)?.url ?? DEFAULT_URL);
    const tokens = await signInHere(url, options.business, options.user ?? localUserName());
    const stored = await keep(env, output, name, { ...tokens, url }, options["credential-store"]);
    await updateWorkspaces(env, (latest) => ({
      current: latest.current ?? name,
      workspaces: {
        ...latest.workspaces,
        [name]: { url, credentialStore: stored.kind, identity: tokens.identity },
      },
    }));
    await removeOld(env, output, name, own(config.workspaces, name)?.credentialStore, stored.kind);
    const { identity } = tokens;
    await output.note(
      `Signed in to workspace ${name} (${url}) as ${identity.userName}, ${identity.role} of ${identity.businessName}. ` +
        `The tokens are in ${stored.place}.`,
    );
    if (tokenOf(env) !== undefined) {
      await output.note("TANVRIT_TOKEN is set: commands sign in with it, not with this.");
    }
    if (options.json) {
      await output.json({ workspace: name, url, identity, credentialStore: stored.kind });
    }
    return 0;
  },
});

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Proves to a server on this machine that we are its own user, by reading what only that user can. */
async function signInHere(url: string, business: string, user: string): Promise<TokenSet> {
  if (!LOOPBACK.test(new URL(url).hostname)) {
    throw new CliError(
      "not_signed_in",
      `${url} is another machine, and only same-machine sign-in is there yet`,
      {
        todo: "Set TANVRIT_TOKEN to a token that tanvrit-compute auth print-token prints there",
      },
    );
  }
  const client = new ComputeClient({ url });
  const challenge = await client.call("auth.local.start", {});
  const secret = await readSecret(url, challenge.secretFile, challenge.challengeId);
  return client.call("auth.local.finish", { challengeId: challenge.challengeId, secret, business, user });
}

/** The server names the file, so it must not be able to make us send it any other. */
async function readSecret(url: string, file: string, challengeId: string): Promise<string> {
  if (basename(file) !== `local-login-${challengeId}`) {
    throw new CliError("not_signed_in", `${url} asked for ${file}, which is no sign-in file`, {
      todo: "Check that a Tanvrit Compute server runs there",
    });
  }
  const secret = await readFile(file, "utf8").catch((cause: Error) => {
    throw new CliError("not_signed_in", `cannot read the sign-in file ${file}: ${cause.message}`, {
      cause,
      todo: "The server runs as another user or on another machine; sign in as its user, or set TANVRIT_TOKEN",
    });
  });
  if (/^tnvl_[A-Za-z0-9_-]{16,128}$/.test(secret.trim())) return secret.trim();
  throw new CliError("not_signed_in", `${file} holds no sign-in secret`, {
    todo: "Check that a Tanvrit Compute server runs there",
  });
}

/** Where it was asked for; else in the keychain, and where there is none, in a file after saying so. */
async function keep(
  env: Env,
  output: Output,
  workspace: string,
  session: StoredSession,
  asked: "keychain" | "file" | undefined,
): Promise<CredentialStore> {
  const store = await openCredentialStore(asked ?? "keychain", env);
  try {
    await store.write(workspace, session);
    return store;
  } catch (error) {
    if (asked !== undefined || !(error instanceof CredentialStoreError)) throw error;
    const file = await openCredentialStore("file", env);
    await output.note(
      `tanvrit-compute: ${error.message}. The tokens go to a file in ${file.place} that only you can read.`,
    );
    await file.write(workspace, session);
    return file;
  }
}

/** The tokens of an earlier sign-in that were kept elsewhere must not stay there, forgotten. */
async function removeOld(
  env: Env,
  output: Output,
  workspace: string,
  before: "keychain" | "file" | undefined,
  now: "keychain" | "file",
): Promise<void> {
  if (before === undefined || before === now) return;
  const old = await openCredentialStore(before, env);
  try {
    await old.remove(workspace);
  } catch (error) {
    if (!(error instanceof CredentialStoreError)) throw error;
    await output.note(
      `tanvrit-compute: the tokens of the sign-in before may still be in ${old.place}: ${error.message}.`,
    );
  }
}

const NAME_LIMIT_MS = 2_000;

/** The system's name for this user, with what an account name may not have replaced. */
function localUserName(): string {
  const name = systemUserName()
    .replace(/[^A-Za-z0-9._@-]/g, "-")
    .slice(0, 64);
  if (accountName.safeParse(name).success) return name;
  throw new CliError("usage", `your name on this machine (${name}) cannot be used`, {
    todo: "Give one with --user",
  });
}

function systemUserName(): string {
  const { username } = userInfo();
  // Bun takes the name from the environment, and services often have none there.
  if (username !== "unknown" || process.platform === "win32") return username;
  const asked = Bun.spawnSync(["id", "-un"], { stdin: "ignore", stderr: "ignore", timeout: NAME_LIMIT_MS });
  return asked.stdout.toString().trim() || username;
}

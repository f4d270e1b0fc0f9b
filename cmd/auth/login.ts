import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { accountName } from "../../shared/auth.ts";
import type { Env } from "../../shared/config/home.ts";
import { defineOptions, optionText } from "../../shared/config/options.ts";
import { own } from "../../shared/own.ts";
import { defineCommand } from "../command/command.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { givenToken } from "../credentials/given.ts";
import { openCredentialStore } from "../credentials/open.ts";
import { type CredentialStore, CredentialStoreError, type StoredSession } from "../credentials/store.ts";
import { CliError } from "../exit/failure.ts";
import { systemUserName } from "../input/user-name.ts";
import type { Output } from "../output/output.ts";
import {
  DEFAULT_URL,
  DEFAULT_WORKSPACE,
  loadWorkspaces,
  plainUrl,
  updateWorkspaces,
  type Workspace,
} from "../workspace/workspaces.ts";
import { signInHere } from "./local-server.ts";

const options = defineOptions({
  ...clientOptions,
  business: {
    kind: "value",
    placeholder: "NAME",
    schema: accountName.default("local"),
    defaultText: "local",
    help: "The business to sign in to; created if it does not exist",
  },
  user: {
    kind: "value",
    placeholder: "NAME",
    schema: accountName.optional(),
    defaultText: "your name on this machine",
    help: "Your name in that business",
  },
  "data-dir": {
    kind: "value",
    placeholder: "DIR",
    env: "TANVRIT_DATA_DIR",
    schema: optionText.min(1).optional(),
    help: "The server's data directory, if the server cannot be found by its URL",
  },
  "credential-store": {
    kind: "value",
    placeholder: "STORE",
    env: "TANVRIT_CREDENTIAL_STORE",
    schema: z.enum(["keychain", "file"], { error: "must be keychain or file" }).optional(),
    defaultText: "the keychain, if there is one",
    help: "Where to keep the tokens: keychain, or a file that only you can read",
  },
});

export const command = defineCommand({
  options,
  examples: [
    { line: "auth login --workspace local", does: "Sign in to the server on this machine" },
    {
      line: "auth login --workspace test --url http://127.0.0.1:7171",
      does: "Sign in to another server, under a workspace name of its own",
    },
  ],
  details: `A server on this machine that runs as you needs no password. It listens on a socket in its data directory that
is yours alone, and each side asks the system which account the other side runs as. Root may sign in to any server that
it names with --data-dir. For a server elsewhere, set TANVRIT_TOKEN to the output of auth print-token there.`,
  async run({ options, env, output }) {
    const config = await loadWorkspaces(env);
    const name = options.workspace ?? config.current ?? DEFAULT_WORKSPACE;
    const before = own(config.workspaces, name);
    const dataDir = options["data-dir"];
    const given = options.url ?? (dataDir === undefined ? (before?.url ?? DEFAULT_URL) : undefined);
    const { url, serverKey, pin, tokens } = await signInHere(env, {
      url: given === undefined ? undefined : plainUrl(given),
      dataDir,
      business: options.business,
      user: options.user ?? localUserName(),
    });
    const stored = await keep(env, output, name, { ...tokens, url }, options["credential-store"]);
    await updateWorkspaces(env, (latest) => ({
      current: latest.current ?? name,
      workspaces: {
        ...latest.workspaces,
        [name]: { url, credentialStore: stored.kind, identity: tokens.identity, serverKey, pin },
      },
    }));
    await removeOld(env, output, name, before?.credentialStore, stored.kind);
    await sayNewKey(output, before, { url, serverKey });
    const { identity } = tokens;
    await output.note(
      `Signed in to workspace ${name} (${url}) as ${identity.userName}, ${identity.role} of ${identity.businessName}. ` +
        `The tokens are in ${stored.place}${stored.kind === "file" ? ", in a file that only you can read" : ""}.`,
    );
    const token = givenToken(env);
    if (token) await output.note(`${token.variable} is set: commands use it, not this sign-in.`);
    if (options.json) {
      await output.json({ workspace: name, url, identity, credentialStore: stored.kind });
    }
    return 0;
  },
});

/** A server with a different key than before was set up again, or is a different server. */
async function sayNewKey(
  output: Output,
  before: Workspace | undefined,
  { url, serverKey }: { url: string; serverKey: string },
): Promise<void> {
  if (before?.url !== url || before.serverKey === serverKey) return;
  const what =
    before.serverKey === undefined
      ? `The key of ${url} is stored: from now on no token goes to a server at this address with a different key.`
      : `The server at ${url} has a different key than before. From now on this new key is the known one.`;
  await output.note(what);
}

/** Stores the session where the user asked; else in the keychain, or if there is none, in a file after saying so. */
async function keep(
  env: Env,
  output: Output,
  workspace: string,
  session: StoredSession,
  asked: "keychain" | "file" | undefined,
): Promise<CredentialStore> {
  const store = await openCredentialStore(asked ?? (mayHaveKeychain(env) ? "keychain" : "file"), env);
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

/** Linux without a session bus, or a desktop that would start one, has no keychain. Servers are like that. */
function mayHaveKeychain(env: Env): boolean {
  if (process.platform !== "linux") return true;
  if (env.DBUS_SESSION_BUS_ADDRESS || env.DISPLAY || env.WAYLAND_DISPLAY) return true;
  return Boolean(env.XDG_RUNTIME_DIR && existsSync(join(env.XDG_RUNTIME_DIR, "bus")));
}

/** Removes the tokens of an earlier sign-in from the other store, so they do not stay there forgotten. */
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
      `tanvrit-compute: the tokens of the previous sign-in may still be in ${old.place}: ${error.message}.`,
    );
  }
}

/** The system's name for this user; characters that an account name may not have are replaced. */
function localUserName(): string {
  const name = systemUserName()
    .replace(/[^A-Za-z0-9._@-]/g, "-")
    .slice(0, 64);
  if (accountName.safeParse(name).success) return name;
  throw new CliError("usage", `your name on this machine (${name}) cannot be used`, {
    todo: "Give a name with --user",
  });
}

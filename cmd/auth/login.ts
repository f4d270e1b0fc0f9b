import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { accountName } from "../../shared/auth.ts";
import type { Env } from "../../shared/config/home.ts";
import { defineOptions, flagOption, type OptionValues, optionText } from "../../shared/config/options.ts";
import { own } from "../../shared/own.ts";
import { isLoopbackUrl } from "../../shared/url.ts";
import { defineCommand } from "../command/command.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { meetServer } from "../connection/meet-server.ts";
import { givenToken } from "../credentials/given.ts";
import { openCredentialStore } from "../credentials/open.ts";
import { inSessionTurn } from "../credentials/session-turn.ts";
import { type CredentialStore, CredentialStoreError, type StoredSession } from "../credentials/store.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import {
  chooseWorkspace,
  DEFAULT_URL,
  DEFAULT_WORKSPACE,
  loadWorkspaces,
  plainUrl,
  updateWorkspaces,
  type Workspace,
} from "../workspace/workspaces.ts";
import { signInHere } from "./local-server.ts";
import { localUserName } from "./local-user-name.ts";
import type { SignIn } from "./sign-in.ts";

const DEFAULT_BUSINESS = "local";

const options = defineOptions({
  browser: flagOption("Sign in with the browser on this machine"),
  device: flagOption("Sign in with a code, in a browser on any machine"),
  "token-stdin": flagOption("Sign in with an access token or an API key from standard input"),
  ...clientOptions,
  business: {
    kind: "value",
    placeholder: "NAME",
    schema: () => accountName,
    defaultText: "local on the server's machine, else the one chosen in the browser",
    help: "The business to sign in to; on the server's machine it is created if it does not exist",
  },
  user: {
    kind: "value",
    placeholder: "NAME",
    schema: () => accountName,
    defaultText: "your name on this machine",
    help: "Your name in that business, if you sign in on the server's machine",
  },
  "data-dir": {
    kind: "value",
    placeholder: "DIR",
    env: "TANVRIT_DATA_DIR",
    schema: () => optionText.min(1),
    help: "The server's data directory, if the server cannot be found by its URL",
  },
  "credential-store": {
    kind: "value",
    placeholder: "STORE",
    env: "TANVRIT_CREDENTIAL_STORE",
    schema: () => z.enum(["keychain", "file"], { error: "must be keychain or file" }),
    defaultText: "the keychain, if there is one",
    help: "Where to keep the tokens: keychain, or a file that only you can read",
  },
});
type Options = OptionValues<typeof options>;

export const command = defineCommand({
  options,
  examples: [
    { line: "auth login --workspace local", does: "Sign in to the server on this machine" },
    {
      line: "auth login --workspace work --url https://compute.example:7070",
      does: "Sign in to a server elsewhere, in the browser",
    },
    {
      line: "auth login --device",
      does: "Without a browser on this machine: type a code in the browser of another one",
    },
    {
      line: "auth login --token-stdin --url https://compute.example:7070",
      does: "In a script, with an API key from a pipe",
    },
  ],
  details: `A server on this machine that runs as you needs no password: it listens on a socket in its data directory that is
yours alone, and each side asks the system which account the other side runs as. Root may sign in to any server that it
names with --data-dir. To any other server you sign in with the browser, or with a code if this machine has no display.
The session is renewed silently until auth logout ends it.`,
  async run({ options, env, output }) {
    const config = await loadWorkspaces(env);
    const name = options.workspace ?? config.current ?? DEFAULT_WORKSPACE;
    const before = own(config.workspaces, name);
    const signIn = await signInAsAsked(options, env, output, name, before);
    const { url, serverKey, pin, tokens, way } = signIn;
    const insecureHttp = url.startsWith("http:") && !isLoopbackUrl(url) ? true : undefined;
    const session = { ...tokens, url, way, signedInAt: new Date().toISOString() };
    const stored = await inSessionTurn(env, name, async () => {
      const store = await keep(env, output, name, session, options["credential-store"]);
      await updateWorkspaces(env, (latest) => ({
        current: latest.current ?? name,
        workspaces: {
          ...latest.workspaces,
          [name]: {
            url,
            credentialStore: store.kind,
            identity: tokens.identity,
            serverKey,
            pin,
            insecureHttp,
          },
        },
      }));
      return store;
    });
    await removeOld(env, output, name, before?.credentialStore, stored.kind);
    if (way === "same machine") await sayNewKey(output, before, { url, serverKey });
    const { identity } = tokens;
    await output.note(
      `Signed in to workspace ${name} (${url}) as ${identity.userName}, ${identity.role} of ${identity.businessName}. ` +
        `The tokens are in ${stored.place}${stored.kind === "file" ? ", in a file that only you can read" : ""}.`,
    );
    const token = givenToken(env);
    if (token) await output.note(`${token.variable} is set: commands use it, not this sign-in.`);
    if (options.json)
      await output.json({ workspace: name, url, identity, way, credentialStore: stored.kind });
    return 0;
  },
});

/** In the way that the options name; else on this machine if the server is this account's, else in a browser. */
async function signInAsAsked(
  options: Options,
  env: Env,
  output: Output,
  name: string,
  before: Workspace | undefined,
): Promise<SignIn> {
  const asked = askedWay(options);
  const { "data-dir": dataDir, business } = options;
  const isByDirectory = options.url === undefined && dataDir !== undefined;
  const url = isByDirectory ? undefined : plainUrl(options.url ?? before?.url ?? DEFAULT_URL);
  const signedInHere = () => {
    const user = () => options.user ?? localUserName();
    return signInHere(env, { url, dataDir, business: business ?? DEFAULT_BUSINESS, user });
  };
  const isFirstHere = asked === undefined || url === undefined;
  const here = isFirstHere ? await signedInHere() : undefined;
  if (here) return here;
  if (options.user !== undefined) {
    throw new CliError("usage", "--user names a person only on the server's own machine", {
      todo: "Without it, you sign in as the person that you are in the browser",
    });
  }
  const { fingerprint, "insecure-http": insecureHttp } = options;
  const given = { workspace: name, url, fingerprint, "insecure-http": insecureHttp };
  const workspace = await meetServer(output, await chooseWorkspace(env, given), options);
  if (asked === "token") {
    const { signInWithToken } = await import("./sign-in-with-token.ts");
    return signInWithToken(output, workspace, business);
  }
  const { signInElsewhere } = await import("./sign-in-elsewhere.ts");
  const orHere = isFirstHere ? signedInHere : undefined;
  return signInElsewhere(env, output, workspace, { asked, business, orHere });
}

function askedWay(options: Options): "browser" | "device" | "token" | undefined {
  const ways = (["browser", "device", "token-stdin"] as const).filter((way) => options[way]);
  const [way, second] = ways;
  if (second !== undefined) {
    throw new CliError("usage", `--${way} and --${second} cannot be used together`, {
      todo: "Use only one of them",
    });
  }
  if (way !== undefined && options["data-dir"] !== undefined && options.url === undefined) {
    throw new CliError("usage", `--${way} needs --url, not --data-dir`, {
      todo: "Name the server with --url",
    });
  }
  return way === "token-stdin" ? "token" : way;
}

/** A server with a different key than before was set up again, or is a different server. */
async function sayNewKey(
  output: Output,
  before: Workspace | undefined,
  { url, serverKey }: Pick<SignIn, "url" | "serverKey">,
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

import { homeIfAny } from "../../shared/config/home.ts";
import { defineOptions, optionText } from "../../shared/config/options.ts";
import { processLives } from "../../shared/process-lives.ts";
import { accountLists, type LocalServer, listedServers } from "../../shared/sockets/local-server.ts";
import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { placeOf } from "../connection/local-socket.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";

const options = defineOptions({
  "data-dir": {
    kind: "value",
    placeholder: "DIR",
    env: "TANVRIT_DATA_DIR",
    schema: () => optionText.min(1),
    help: "The server's data directory, if this account runs several servers",
  },
  ...jsonOption,
});

export const command = defineCommand({
  options,
  examples: [
    { line: "server fingerprint", does: "What auth login on another machine must show at the first sign-in" },
  ],
  async run({ options, env, output }) {
    const server = theServer(runningHere(homeIfAny(env), options["data-dir"]));
    const [url] = server.urls;
    if (!server.pin) {
      throw new CliError("bad_data", `the server at ${url} speaks plain HTTP and has no certificate`, {
        todo: "Start it with --host 0.0.0.0, or with --tls-cert and --tls-key",
      });
    }
    const { fingerprint } = server.pin;
    if (options.json) await output.json({ url, fingerprint });
    else await output.result(fingerprint);
    return exitCodes.ok;
  },
});

/** Those of the data directory, else those of TANVRIT_HOME, else all of this account. */
function runningHere(home: string | undefined, dataDir: string | undefined): LocalServer[] {
  if (dataDir !== undefined) {
    const { lists, owner } = placeOf(dataDir);
    return lists.flatMap((list) => runningIn(list, owner));
  }
  const lists = accountLists(home).map((list) => runningIn(list, process.getuid?.()));
  return lists.find((servers) => servers.length > 0) ?? [];
}

function runningIn(list: string, owner: number | undefined): LocalServer[] {
  return listedServers(list, owner)
    .map(({ server }) => server)
    .filter(({ pid }) => processLives(pid)); // The record of a killed one is left.
}

function theServer(servers: readonly LocalServer[]): LocalServer {
  const [server, other] = servers;
  if (!server)
    throw new CliError("unreachable", "no server of this account runs here", {
      todo: "Start it with tanvrit-compute server, or name its data directory with --data-dir",
    });
  const keys = new Set(servers.map(({ pin }) => pin?.fingerprint));
  if (other && keys.size > 1)
    throw new CliError("usage", "this account runs several servers here", {
      todo: "Name the data directory of one with --data-dir",
    });
  return server;
}

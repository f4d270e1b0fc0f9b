import { defineOptions, type OptionValues } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { CliError } from "../exit/failure.ts";
import { isTerminal } from "../input/is-terminal.ts";
import { requestOptions } from "./draft/request-options.ts";
import { readWishes } from "./draft/wishes.ts";
import { placeOptions } from "./run-options.ts";

const options = defineOptions({ ...requestOptions, ...placeOptions, ...clientOptions });

export const command = defineCommand({
  options,
  positionals: [
    { name: "PATH", help: "a workflow file, or a directory: all its workflows that have the event" },
  ],
  examples: [
    {
      line: "workflow run .github/workflows/ci.yml",
      does: "Run a workflow on one of your nodes, as a push would",
    },
    {
      line: "workflow run .github/workflows/ci.yml --here --job test",
      does: "Run one job of it in this process",
    },
    {
      line: "workflow run release.yml --event workflow_dispatch --input version=1.2.3 --secret NPM_TOKEN",
      does: "With an input, and a secret from the environment",
    },
    {
      line: "workflow run .github/workflows --event pull_request",
      does: "Run all workflows of a pull request",
    },
  ],
  details: `Checks the workflow first: if anything is wrong with it, all of that is shown, nothing runs, and the exit code is 65.
The repository is sent as it is on this machine, with changes that are not committed. The exit code is 0 if every run
succeeded, 1 if one failed, and 130 if it was cancelled. Ctrl-C cancels the run; once more leaves without waiting for its
end. --json prints one event in a line, and at the end the whole run.`,
  async run({ options, positionals, env, output }) {
    refuseUseless(options);
    const wishes = await readWishes(options, env);
    const path = positionals[0] ?? "";
    if (options.here) {
      const { runAllHere } = await import("./here.ts");
      return runAllHere(path, wishes, options, env, output);
    }
    const { runOnNodes } = await import("./on-nodes.ts");
    return runOnNodes(path, wishes, options, env, output);
  },
});

type Values = OptionValues<typeof options>;

function refuseUseless(options: Values): void {
  if (options.here) refuseHere(options);
  else if (options["shell-on-failure"]) throw new CliError("usage", "--shell-on-failure needs --here");
  if (options.detach && options.download !== undefined)
    throw new CliError("usage", "--detach and --download cannot be used together");
  if (options.detach && options.quiet)
    throw new CliError("usage", "--detach and --quiet cannot be used together");
}

/** What only a server knows. */
const ONLY_ON_NODES = ["detach", "node", "pool", "cpu", "memory", "gpus", "priority", "name"] as const;

function refuseHere(options: Values): void {
  const given = ONLY_ON_NODES.find((name) => options[name] !== undefined && options[name] !== false);
  if (given !== undefined) throw new CliError("usage", `--${given} cannot be used with --here`);
  const [stored] = Object.keys(options["secret-env"] ?? {});
  if (stored !== undefined) {
    throw new CliError(
      "usage",
      `--secret-env ${stored}=… cannot be used with --here: nobody can read a stored secret back`,
      {
        todo: `Give its value with --secret ${stored}, from the environment`,
      },
    );
  }
  if (!options["shell-on-failure"]) return;
  if (!isTerminal(0) || !isTerminal(1)) throw new CliError("usage", "--shell-on-failure needs a terminal");
  if (options.json || options.quiet) {
    throw new CliError("usage", "--shell-on-failure cannot be used with --json or --quiet");
  }
}

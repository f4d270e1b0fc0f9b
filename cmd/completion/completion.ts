import { defineCommand } from "../command/command.ts";
import { CliError } from "../exit/failure.ts";
import { type Shell, scripts } from "./scripts.ts";

const shells = Object.keys(scripts).join(", ");

export const command = defineCommand({
  options: {},
  positionals: [{ name: "SHELL", help: shells }],
  examples: [
    {
      line: "completion bash > ~/.local/share/bash-completion/completions/tanvrit-compute",
      does: "For bash",
    },
    { line: "completion zsh >> ~/.zshrc", does: "For zsh" },
    { line: "completion fish > ~/.config/fish/completions/tanvrit-compute.fish", does: "For fish" },
  ],
  details:
    "Prints a script that completes commands and options in the shell. Make a new one after an upgrade.",
  async run({ positionals, output, commands }) {
    const [shell = ""] = positionals;
    if (!Object.hasOwn(scripts, shell)) {
      throw new CliError("usage", `there is no completion for ${shell}`, { todo: `Choose one of ${shells}` });
    }
    const { loadWords } = await import("./words.ts");
    await output.write(scripts[shell as Shell](await loadWords(commands)));
    return 0;
  },
});

import type { Option } from "../../shared/config/options.ts";
import type { CommandEntry } from "../command/command.ts";

/** A command that people may type, such as `job run`, with its options. */
export interface CommandWords {
  path: string;
  summary: string;
  options: readonly (Pick<Option, "kind" | "short" | "help"> & { name: string })[];
}

/** Every command that people type. */
export async function loadWords(commands: readonly CommandEntry[]): Promise<CommandWords[]> {
  const shown = commands.filter(({ hidden }) => !hidden);
  return Promise.all(
    shown.map(async ({ path, summary, load }) => {
      const { options } = (await load()).command;
      const own = Object.entries(options).map(([name, { kind, short, help }]) => ({
        name,
        kind,
        short,
        help,
      }));
      return {
        path,
        summary,
        options: [...own, { name: "help", kind: "flag", short: "h", help: "Show this help" }],
      };
    }),
  );
}

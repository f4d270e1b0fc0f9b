import type { CommandWords } from "./words.ts";

const PROGRAM = "tanvrit-compute";

/** Each shell's script that completes commands and options. */
export const scripts = { bash, zsh, fish } as const;
export type Shell = keyof typeof scripts;

function bash(commands: readonly CommandWords[]): string {
  const cases = commands.map(
    ({ path, options }) => `    "${path}") words="${options.map(({ name }) => `--${name}`).join(" ")}" ;;`,
  );
  const groups = [...seconds(commands)].map(
    ([first, words]) => `    ${first}) words="${words.join(" ")}" ;;`,
  );
  return `_tanvrit_compute() {
  local cur=\${COMP_WORDS[COMP_CWORD]} words="" word
  COMPREPLY=()
  # The words after -- are the job's own.
  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD - 1))}"; do [ "$word" = -- ] && return; done
  if [ "$COMP_CWORD" = 1 ]; then
    words="${firsts(commands).join(" ")} help --help --version"
  elif [ "\${cur#-}" != "$cur" ]; then
    case "\${COMP_WORDS[1]}\${COMP_WORDS[2]:+ \${COMP_WORDS[2]}}" in
${cases.join("\n")}
    *) case "\${COMP_WORDS[1]}" in
${cases.filter((one) => !/^ {4}"\S+ \S+"\)/.test(one)).join("\n")}
    esac ;;
    esac
  elif [ "$COMP_CWORD" = 2 ]; then
    case "\${COMP_WORDS[1]}" in
${groups.join("\n")}
    esac
  fi
  [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _tanvrit_compute ${PROGRAM}
`;
}

/** zsh runs the script for bash. */
function zsh(commands: readonly CommandWords[]): string {
  return `autoload -Uz compinit bashcompinit\ncompinit\nbashcompinit\n${bash(commands)}`;
}

function fish(commands: readonly CommandWords[]): string {
  const lines = [...new Set(firsts(commands))].map((first) => {
    const alone = commands.find(({ path }) => path === first);
    return `complete -c ${PROGRAM} -f -n __fish_use_subcommand -a ${first} -d ${quoted(alone?.summary ?? "")}`;
  });
  for (const { path, summary, options } of commands) {
    const [first = "", second, third] = path.split(" ");
    const others = (seconds(commands).get(first) ?? []).join(" ");
    const inFirst = `__fish_seen_subcommand_from ${first}`;
    const inSecond = `${inFirst}; and __fish_seen_subcommand_from ${second}`;
    const inThird = `${inSecond}; and __fish_seen_subcommand_from ${third}`;
    const here = second === undefined ? inFirst : third === undefined ? inSecond : inThird;
    if (third !== undefined) {
      lines.push(`complete -c ${PROGRAM} -f -n ${quoted(inSecond)} -a ${third} -d ${quoted(summary)}`);
    } else if (second !== undefined) {
      const before = `${inFirst}; and not __fish_seen_subcommand_from ${others}`;
      lines.push(`complete -c ${PROGRAM} -f -n ${quoted(before)} -a ${second} -d ${quoted(summary)}`);
    }
    for (const { name, kind, short, help } of options) {
      const more = `${short ? ` -s ${short}` : ""}${kind === "flag" ? "" : " -r"}`;
      lines.push(`complete -c ${PROGRAM} -n ${quoted(here)} -l ${name}${more} -d ${quoted(help)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function firsts(commands: readonly CommandWords[]): string[] {
  return [...new Set(commands.map(({ path }) => path.split(" ")[0] ?? ""))];
}

/** The second words, by first word. */
function seconds(commands: readonly CommandWords[]): Map<string, string[]> {
  const pairs = commands.map(({ path }) => path.split(" ")).filter(([, second]) => second !== undefined);
  const groups = Map.groupBy(pairs, ([first]) => first ?? "");
  return new Map(
    [...groups].map(([first, group]) => [first, [...new Set(group.map(([, second]) => second ?? ""))]]),
  );
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

import { keepFilesPrivate } from "../shared/umask.ts";
import type { CommandEntry } from "./command/command.ts";
import { commands } from "./commands.ts";
import { reachThisMachineDirectly } from "./connection/proxy.ts";
import { isVersionCall, versionLine } from "./version.ts";

/** Runs a command. Resolves with the exit code. Only what every call needs is imported above; a short command must not pay for the rest. */
export async function runProgram(words: readonly string[]): Promise<number> {
  keepFilesPrivate();
  const { Output, BrokenPipeError } = await import("./output/output.ts");
  const output = new Output();
  const { entry, rest } = findCommand(words);
  const json = ownWords(rest).includes("--json");
  try {
    if (isVersionCall(words)) {
      await output.result(versionLine);
      return 0;
    }
    await refuseLost(words);
    if (entry) return await runCommand(entry, rest, output);
    const { showGroup } = await import("./command/group.ts");
    return await showGroup(commands, words, output);
  } catch (error) {
    const { exitCodes } = await import("./exit/exit-codes.ts");
    const { describeFailure, LeftError } = await import("./exit/failure.ts");
    if (error instanceof BrokenPipeError) return exitCodes.brokenPipe;
    if (error instanceof LeftError) {
      const { dieOf } = await import("./exit/signals.ts");
      return dieOf(error.signal);
    }
    const { formatFailure } = await import("./output/format-failure.ts");
    const failure = describeFailure(error);
    const said = json
      ? output.noteJson({ error: failure })
      : output.paintedNote(formatFailure(entry?.path ?? "", failure, output.noteLook));
    // If stderr is gone too, only the exit code can report the failure.
    await said.catch(() => undefined);
    return failure.exitCode;
  }
}

/** Refuses bytes that the runtime could not read as text, before their replacement is taken for the real text. */
async function refuseLost(words: readonly string[]): Promise<void> {
  const isProgram = staysUp(words);
  const used = isProgram ? /^(TANVRIT_|HOME$|PATH$|XDG_)/ : /^(TANVRIT_|HOME$|XDG_)/;
  const names = Object.keys(process.env).filter((name) => used.test(name));
  const texts = [...words, ...names.map((name) => process.env[name] ?? ""), isProgram ? process.cwd() : ""];
  if (!texts.some((text) => text.includes("\uFFFD"))) return;
  const { refuseLostArguments, refuseLostDirectory, refuseLostVariables } = await import(
    "./input/lost-bytes.ts"
  );
  refuseLostArguments(words);
  refuseLostVariables(names, process.env);
  if (isProgram) refuseLostDirectory();
}

/** Whether these words start a program that runs for long. */
function staysUp([first = ""]: readonly string[]): boolean {
  return ["agent", "server", "quickstart"].includes(first);
}

async function runCommand(entry: CommandEntry, words: readonly string[], output: Out): Promise<number> {
  const { checkFewValues, useOwnWords } = await import("./input/zod-words.ts");
  useOwnWords();
  if (!staysUp(entry.path.split(" "))) checkFewValues();
  const { command } = await entry.load();
  if (asksForHelp(words)) {
    const { commandHelp } = await import("./command/help.ts");
    await output.write(commandHelp(entry, command, output.resultLook));
    return 0;
  }
  const { parseArguments } = await import("./command/parse.ts");
  const { resolveOptions } = await import("../shared/config/options.ts");
  const { env } = process;
  reachThisMachineDirectly(env);
  const { flags, positionals, rest } = parseArguments(entry.path, command, words);
  const readAgain = async () => {
    const file = await command.readConfig?.(flags, env);
    const options = resolveOptions(command.options, { flags, env, file });
    return { options, config: file?.content, configPath: file?.path };
  };
  return command.run({ ...(await readAgain()), positionals, rest, env, output, commands, readAgain });
}

type Out = InstanceType<typeof import("./output/output.ts").Output>;

/** The command whose name begins the words; the longest name wins. */
function findCommand(words: readonly string[]): { entry: CommandEntry | undefined; rest: readonly string[] } {
  const named = words[0] === "help" ? [...words.slice(1), "--help"] : words;
  for (const length of [3, 2, 1]) {
    const path = named.slice(0, length).join(" ");
    const entry = commands.find((one) => one.path === path);
    if (entry) return { entry, rest: named.slice(length) };
  }
  return { entry: undefined, rest: named };
}

function asksForHelp(words: readonly string[]): boolean {
  const own = ownWords(words);
  return own.includes("--help") || own.includes("-h");
}

/** The words before `--`; the words after it are the job's own. */
function ownWords(words: readonly string[]): readonly string[] {
  const end = words.indexOf("--");
  return end < 0 ? words : words.slice(0, end);
}

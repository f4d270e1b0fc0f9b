import { program, programEnv } from "./program.ts";
import { within } from "./wait.ts";

/** The local flag of a terminal that shows what is typed, on Linux and macOS. */
const ECHO = 0x8;

/** What a person types once the terminal shows a text. */
export interface Typed {
  after: string;
  keys: string;
}

/** Runs the program in a terminal with this many columns, and returns what it printed there. */
export async function runInTerminal(
  home: string,
  args: string[],
  options: { columns: number; env?: Record<string, string | undefined>; typed?: Typed | readonly Typed[] },
): Promise<{ exitCode: number; signal: NodeJS.Signals | number | null; shown: string; echoes: boolean }> {
  const decoder = new TextDecoder();
  let shown = "";
  const env: Record<string, string | undefined> = { ...programEnv(home), NO_COLOR: undefined, TERM: "xterm" };
  for (const name of ["COLUMNS", "FORCE_COLOR"]) env[name] = undefined;
  const toType = [options.typed ?? []].flat();
  const closed = Promise.withResolvers<void>();
  const running = Bun.spawn([...program(), ...args], {
    cwd: home,
    env: { ...env, ...options.env },
    terminal: {
      cols: options.columns,
      rows: 50,
      data: (terminal, bytes) => {
        shown += decoder.decode(bytes, { stream: true });
        const [next] = toType;
        if (!next || !shown.includes(next.after)) return;
        toType.shift();
        terminal.write(next.keys);
      },
      exit: () => closed.resolve(),
    },
  });
  try {
    const exitCode = await within(30_000, args.join(" "), running.exited);
    // Its last output may arrive after its exit.
    await within(5_000, "the terminal to close", closed.promise);
    const echoes = ((running.terminal?.localFlags ?? 0) & ECHO) !== 0;
    return { exitCode, signal: running.signalCode, shown: shown.replaceAll("\r\n", "\n"), echoes };
  } finally {
    running.kill("SIGKILL");
    running.terminal?.close();
  }
}

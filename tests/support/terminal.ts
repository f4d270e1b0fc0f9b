import { program, programEnv } from "./program.ts";
import { within } from "./wait.ts";

/** Runs the program in a terminal with this many columns, and returns what it printed there. */
export async function runInTerminal(
  home: string,
  args: string[],
  options: { columns: number; env?: Record<string, string | undefined> },
): Promise<{ exitCode: number; shown: string }> {
  const decoder = new TextDecoder();
  let shown = "";
  const env: Record<string, string | undefined> = { ...programEnv(home), NO_COLOR: undefined, TERM: "xterm" };
  for (const name of ["COLUMNS", "FORCE_COLOR"]) env[name] = undefined;
  const closed = Promise.withResolvers<void>();
  const running = Bun.spawn([...program(), ...args], {
    cwd: home,
    env: { ...env, ...options.env },
    terminal: {
      cols: options.columns,
      rows: 50,
      data: (_, bytes) => {
        shown += decoder.decode(bytes, { stream: true });
      },
      exit: () => closed.resolve(),
    },
  });
  try {
    const exitCode = await within(30_000, args.join(" "), running.exited);
    // Its last output may arrive after its exit.
    await within(5_000, "the terminal to close", closed.promise);
    return { exitCode, shown: shown.replaceAll("\r\n", "\n") };
  } finally {
    running.kill("SIGKILL");
    running.terminal?.close();
  }
}

import type { Env } from "../../shared/config/home.ts";

/** Whether a browser that this process opens would be in front of the person. */
export function hasDisplay(env: Env, platform: NodeJS.Platform = process.platform): boolean {
  if (env.BROWSER) return true;
  if (platform === "linux") return Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
  // Over SSH the browser would open on the machine at the other end.
  return !(env.SSH_CONNECTION || env.SSH_TTY);
}

/** Opens the page in the browser of this person. Resolves with whether there is a program to do so; it may still fail. */
export function openBrowser(env: Env, url: string): boolean {
  if (!hasDisplay(env)) return false;
  const [program = "", ...args] = openerOf(env, url);
  const path = Bun.which(program, { PATH: env.PATH ?? "" });
  if (path === null) return false;
  // It lives on after this command, and learns nothing of its tokens.
  const others = Object.entries(env).filter(([name]) => !name.startsWith("TANVRIT_"));
  try {
    Bun.spawn([path, ...args], {
      env: Object.fromEntries(others),
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
      detached: true,
    }).unref();
    return true;
  } catch {
    return false; // The person opens the page themselves.
  }
}

/** `BROWSER` is a list of commands, in which `%s` stands for the URL. */
function openerOf({ BROWSER: wanted }: Env, url: string): string[] {
  if (process.platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler", url];
  const first = wanted?.split(":").find((command) => command.trim() !== "");
  if (first === undefined) return [process.platform === "darwin" ? "open" : "xdg-open", url];
  const words = first.trim().split(/\s+/);
  return words.some((word) => word.includes("%s"))
    ? words.map((word) => word.replaceAll("%s", url))
    : [...words, url];
}

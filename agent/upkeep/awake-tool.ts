import { existsSync } from "node:fs";

/** A program of the system that holds off its sleep for as long as it runs. */
export interface AwakeTool {
  name: string;
  /** It ends by itself when its standard input ends, or this process does. */
  command: string[];
}

export interface ToolPlace {
  platform: NodeJS.Platform;
  /** Where programs are looked for. */
  path: string;
  /** Whether systemd runs this Linux; its tool may be installed where it does not. */
  isSystemd: boolean;
}

export function thisMachine(environment: Readonly<Record<string, string | undefined>>): ToolPlace {
  return {
    platform: process.platform,
    path: environment.PATH ?? "",
    isSystemd: existsSync("/run/systemd/system"),
  };
}

/** What this machine has to hold off its sleep; undefined: nothing, or it never sleeps by itself. */
export function findAwakeTool({ platform, path, isSystemd }: ToolPlace): AwakeTool | undefined {
  const find = (name: string) => Bun.which(name, { PATH: path }) ?? undefined;
  if (platform === "linux") {
    const inhibit = isSystemd ? find("systemd-inhibit") : undefined;
    const cat = find("cat");
    return inhibit && cat ? { name: "systemd-inhibit", command: systemdInhibit(inhibit, cat) } : undefined;
  }
  if (platform === "darwin") {
    const caffeinate = find("caffeinate");
    const command = [caffeinate ?? "", "-i", "-s", "-w", String(process.pid)];
    return caffeinate ? { name: "caffeinate", command } : undefined;
  }
  const powershell = platform === "win32" ? find("powershell.exe") : undefined;
  return powershell ? { name: "powershell", command: executionState(powershell) } : undefined;
}

/** It holds the lock for as long as what it runs does: cat, until nobody can write to it any more. */
function systemdInhibit(inhibit: string, cat: string): string[] {
  const what = ["--what=sleep:idle", "--mode=block", "--who=Tanvrit Compute", "--why=Jobs are running"];
  return [inhibit, ...what, cat];
}

/** ES_CONTINUOUS | ES_SYSTEM_REQUIRED, until the thread that said so ends. */
function executionState(powershell: string): string[] {
  const declare =
    "$k = Add-Type -MemberDefinition '[DllImport(\"kernel32.dll\")] public static extern uint SetThreadExecutionState(uint f);' -Name K -Namespace Tanvrit -PassThru";
  const script = `${declare}; [void]$k::SetThreadExecutionState([uint32]'0x80000001'); [void][Console]::In.ReadToEnd()`;
  return [powershell, "-NoProfile", "-NonInteractive", "-Command", script];
}

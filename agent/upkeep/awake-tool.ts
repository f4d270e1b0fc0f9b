import { existsSync } from "node:fs";

/** A program of the system that keeps the machine awake while it runs. */
export interface AwakeTool {
  name: string;
  /** The program ends by itself when its standard input is closed, or when this process ends. */
  command: string[];
}

export interface ToolPlace {
  platform: NodeJS.Platform;
  /** The directories to look for programs in, like PATH. */
  path: string;
  /** Whether this Linux runs systemd. Its tool may be installed without it. */
  isSystemd: boolean;
}

export function thisMachine(environment: Readonly<Record<string, string | undefined>>): ToolPlace {
  return {
    platform: process.platform,
    path: environment.PATH ?? "",
    isSystemd: existsSync("/run/systemd/system"),
  };
}

/** The tool that keeps this machine awake; undefined: it has none, or never sleeps by itself. */
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

/** systemd-inhibit holds its lock while the command it runs does: `cat`, which ends when its input is closed. */
function systemdInhibit(inhibit: string, cat: string): string[] {
  const what = ["--what=sleep:idle", "--mode=block", "--who=Tanvrit Compute", "--why=Jobs are running"];
  return [inhibit, ...what, cat];
}

/** Sets ES_CONTINUOUS | ES_SYSTEM_REQUIRED, which holds until the calling thread ends. */
function executionState(powershell: string): string[] {
  const declare =
    "$k = Add-Type -MemberDefinition '[DllImport(\"kernel32.dll\")] public static extern uint SetThreadExecutionState(uint f);' -Name K -Namespace Tanvrit -PassThru";
  const script = `${declare}; [void]$k::SetThreadExecutionState([uint32]'0x80000001'); [void][Console]::In.ReadToEnd()`;
  return [powershell, "-NoProfile", "-NonInteractive", "-Command", script];
}

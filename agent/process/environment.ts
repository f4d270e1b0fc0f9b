/** The variables of a process. */
export type Environment = Record<string, string>;

/** The variables of the agent's environment that a job may see; any other may contain a secret. */
const POSIX_ALLOWED = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"];
/** Most Windows programs do not start without these. */
const WINDOWS_ALLOWED = [
  "PATH",
  "PATHEXT",
  "SYSTEMROOT",
  "SYSTEMDRIVE",
  "WINDIR",
  "COMSPEC",
  "TEMP",
  "TMP",
  "USERNAME",
  "USERPROFILE",
  "HOMEDRIVE",
  "HOMEPATH",
  "APPDATA",
  "LOCALAPPDATA",
  "PROGRAMDATA",
  "PROGRAMFILES",
  "PROGRAMFILES(X86)",
  "NUMBER_OF_PROCESSORS",
  "PROCESSOR_ARCHITECTURE",
];

/** Names the execution that a process belongs to. */
export const EXECUTION_VARIABLE = "TANVRIT_EXECUTION_ID";

/** Returns the part of the agent's environment that every job gets. */
export function allowedEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = process.platform,
): Environment {
  const names = new Set(platform === "win32" ? WINDOWS_ALLOWED : POSIX_ALLOWED);
  const allowed: Environment = {};
  for (const [name, value] of Object.entries(own)) {
    const known = platform === "win32" ? names.has(name.toUpperCase()) : names.has(name);
    if (value !== undefined && (known || name.startsWith("LC_"))) allowed[name] = value;
  }
  return allowed;
}

const SECRET_NAME = /^TANVRIT_|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|PRIVATE_?KEY|_PROXY$/i;

/**
 * Returns the part of this process's environment that the machine's tools get. While such a tool runs, jobs of the same
 * account can read its environment. So variables whose names look like secrets, and the agent's own, are left out.
 */
export function toolEnvironment(own: Readonly<Record<string, string | undefined>>): Environment {
  const kept = Object.entries(own).filter(([name, value]) => value !== undefined && !SECRET_NAME.test(name));
  return Object.fromEntries(kept) as Environment;
}

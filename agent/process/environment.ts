/** Variables of a process. */
export type Environment = Record<string, string>;

/** What a job may see of the agent's own environment; everything else may hold a secret. */
const POSIX_ALLOWED = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"];
/** Without these, most Windows programs do not start. */
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

/** The variable by which a process can be told to belong to an execution. */
export const EXECUTION_VARIABLE = "TANVRIT_EXECUTION_ID";

/** The part of the agent's environment that every job gets. */
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
 * What a tool of the machine gets of this process's environment. While it runs, jobs of the same account can read it
 * there, so nothing goes along whose name says that it is a secret, and nothing of our own.
 */
export function toolEnvironment(own: Readonly<Record<string, string | undefined>>): Environment {
  const kept = Object.entries(own).filter(([name, value]) => value !== undefined && !SECRET_NAME.test(name));
  return Object.fromEntries(kept) as Environment;
}

import { homedir } from "node:os";
import { resolve } from "node:path";
import { OptionError } from "./options.ts";

/** The environment of this process, as functions take it. */
export type Env = Readonly<Record<string, string | undefined>>;

/** The directory for settings and work: `TANVRIT_HOME`, else `~/.tanvrit`. Absolute. Throws OptionError. */
export function tanvritHome(env: Env): string {
  if (env.TANVRIT_HOME) return resolve(env.TANVRIT_HOME);
  const home = accountHome(env);
  if (home !== undefined) return resolve(home, ".tanvrit");
  throw new OptionError(
    "env",
    "this account has no home directory: neither HOME nor the system's account database names one. Set TANVRIT_HOME to a directory for settings and work",
  );
}

/** The same; undefined for an account without a home directory. */
export function homeIfAny(env: Env): string | undefined {
  return env.TANVRIT_HOME || accountHome(env) !== undefined ? tanvritHome(env) : undefined;
}

/** The home directory; undefined for a service that runs under a bare user id and without HOME. */
export function accountHome(env: Env): string | undefined {
  if (env.HOME) return env.HOME;
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}

/** A path in the account's home directory; without a home, below the root, as for a login. */
export function inAccountHome(env: Env, path: string): string {
  return resolve(accountHome(env) ?? "/", path);
}

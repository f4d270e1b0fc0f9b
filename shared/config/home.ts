import { homedir } from "node:os";
import { resolve } from "node:path";
import { OptionError } from "./options.ts";

/** The environment of this process, as functions take it. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Where this program keeps what it knows: `TANVRIT_HOME`, else `~/.tanvrit`. Absolute. Throws OptionError. */
export function tanvritHome(env: Env): string {
  if (env.TANVRIT_HOME) return resolve(env.TANVRIT_HOME);
  const home = accountHome(env);
  if (home !== undefined) return resolve(home, ".tanvrit");
  throw new OptionError(
    "env",
    "this account has no home directory: neither HOME nor the system's list of accounts names one. Set TANVRIT_HOME to a directory where settings and work are to be kept",
  );
}

/** The same; undefined for an account that has no such place. */
export function homeIfAny(env: Env): string | undefined {
  return env.TANVRIT_HOME || accountHome(env) !== undefined ? tanvritHome(env) : undefined;
}

/** undefined: a service may run as a bare number, of which the system knows no more, and without HOME. */
export function accountHome(env: Env): string | undefined {
  if (env.HOME) return env.HOME;
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}

/** A place in the account's home. Who has none begins at the root, as a login does. */
export function inAccountHome(env: Env, path: string): string {
  return resolve(accountHome(env) ?? "/", path);
}

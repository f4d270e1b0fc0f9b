import { accountName } from "../../shared/auth.ts";
import { CliError } from "../exit/failure.ts";
import { systemUserName } from "../input/user-name.ts";

/** The system's name for this user; characters that an account name may not have are replaced. */
export function localUserName(): string {
  const name = systemUserName()
    .replace(/[^A-Za-z0-9._@-]/g, "-")
    .slice(0, 64);
  if (accountName.safeParse(name).success) return name;
  throw new CliError("usage", `your name on this machine (${name}) cannot be used`, {
    todo: "Give a name with --user",
  });
}

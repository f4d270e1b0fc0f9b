import { textOf } from "../../shared/text-of.ts";
import { CliError } from "../exit/failure.ts";

/** @param what names the URL that the driver refused, without its password. */
export function badStoreUrl(what: string, cause: unknown): CliError {
  return new CliError("bad_configuration", `${what} cannot be used: ${textOf(cause)}`, {
    cause,
    todo: "Write it as mongodb://host/database?replicaSet=name",
  });
}

import { isId } from "../../shared/id-schema.ts";
import { CliError } from "../exit/failure.ts";

export const trashPositional = { name: "ID", help: "the id of a deletion, as trash list shows it" };

/** Throws CliError unless the argument is an id of the trash. */
export function checkTrashId(given = ""): string {
  if (isId("trash", given)) return given;
  throw new CliError("usage", `${JSON.stringify(given)} is not the id of a deletion`, {
    todo: "See tanvrit-compute trash list",
  });
}

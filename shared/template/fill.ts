import type { z } from "zod";
import { type Issue, issuesOf } from "../issues.ts";
import { limits } from "../limits.ts";
import { type JobManifest, jobManifest } from "../manifest.ts";
import { valueAt } from "../value-at.ts";
import type { Filling } from "./parameter.ts";
import { onlyPlaceholder, type Piece, parsePieces } from "./placeholders.ts";
import { fillShellText } from "./shell-text.ts";

/** The limits of a command and its environment together. */
const MAX_FILLED = limits.maxCommandBytes + limits.maxEnvBytes;
const TOO_LONG = `its values have more than ${MAX_FILLED} characters together, counting every use`;

/** A job manifest whose strings may contain placeholders. */
export type TemplateJob = Readonly<Record<string, unknown>>;
/** Values by parameter name; undefined: optional, without a default, and not given. */
export type Fillings = ReadonlyMap<string, Filling | undefined>;

/**
 * The manifest with every placeholder filled in, or why it is invalid. Values go into strings unchanged, and quoted into a
 * `command` for the shell. A field of another type, such as `timeoutSeconds`, may be the placeholder of a number or
 * boolean. A field or list item that is only a placeholder without a value is dropped.
 * The job must have passed `problemsOf`.
 */
export function fillJob(
  job: TemplateJob,
  fillings: Fillings,
): { manifest: JobManifest } | { issues: Found[] } {
  const room = { characters: MAX_FILLED };
  const texts = fillFields(job, (text, isCommand) => fillText(text, fillings, isCommand, room), true);
  if (room.characters < 0) return { issues: [{ path: [], message: TOO_LONG, ofValue: true }] };
  const first = jobManifest.safeParse(texts);
  if (first.success) return { manifest: first.data };
  const typed = structuredClone(texts);
  for (const issue of first.error.issues) {
    if (issue.code === "invalid_type") putTyped(job, typed, issue.path, fillings);
  }
  const second = jobManifest.safeParse(typed);
  return second.success ? { manifest: second.data } : { issues: foundIn(second.error) };
}

/** An issue, and whether another value could fix it. */
export interface Found extends Issue {
  ofValue: boolean;
}

function foundIn(error: z.ZodError): Found[] {
  return error.issues.flatMap((issue) => {
    const ofValue = issue.code !== "invalid_type" && issue.code !== "unrecognized_keys";
    return issuesOf({ issues: [issue] }).map((found) => ({ ...found, ofValue }));
  });
}

/** How many characters may still be filled in; below 0: too many. */
interface Room {
  characters: number;
}
type FillText = (text: string, isCommand: boolean) => unknown;

function fillFields(fields: TemplateJob, fill: FillText, isJob: boolean): Record<string, unknown> {
  const filled = Object.entries(fields).map(([key, value]) => {
    return [key, fillValue(value, fill, isJob && key === "command")];
  });
  return Object.fromEntries(filled.filter(([, value]) => value !== undefined));
}

function fillValue(value: unknown, fill: FillText, isCommand = false): unknown {
  if (typeof value === "string") return fill(value, isCommand);
  if (Array.isArray(value)) {
    return value.map((item) => fillValue(item, fill)).filter((item) => item !== undefined);
  }
  if (typeof value !== "object" || value === null) return value;
  return fillFields(value as TemplateJob, fill, false);
}

function fillText(text: string, fillings: Fillings, isCommand: boolean, room: Room): unknown {
  const pieces = parsePieces(text);
  const only = onlyPlaceholder(pieces);
  if (only !== undefined && fillings.get(only) === undefined) return undefined;
  const textOf = (name: string) => {
    const value = fillings.get(name)?.text ?? "";
    room.characters -= value.length;
    return room.characters < 0 ? "" : value;
  };
  if (!isCommand || pieces.every((piece) => "text" in piece)) return joined(pieces, textOf);
  // Only a POSIX shell reads the quotes as meant, so sh is named.
  return ["sh", "-c", fillShellText(pieces, textOf)];
}

function joined(pieces: readonly Piece[], textOf: (name: string) => string): string {
  return pieces.map((piece) => ("text" in piece ? piece.text : textOf(piece.name))).join("");
}

/** Puts in the value itself if the manifest does not expect a string there. */
function putTyped(job: TemplateJob, target: object, path: readonly PropertyKey[], fillings: Fillings): void {
  const source = valueAt(job, path);
  const only = typeof source === "string" ? onlyPlaceholder(parsePieces(source)) : undefined;
  const filling = only === undefined ? undefined : fillings.get(only);
  const parent = valueAt(target, path.slice(0, -1));
  const key = path.at(-1);
  if (!filling || key === undefined || typeof parent !== "object" || parent === null) return;
  (parent as Record<PropertyKey, unknown>)[key] = filling.value;
}

interface FieldKind {
  /** The name in messages. */
  name: string;
  first: number;
  last: number;
  /** Names of the values, starting with `first`. */
  names: readonly string[];
  /** What the field takes besides values, ranges and steps. */
  special?: RegExp;
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
const FIELDS: readonly FieldKind[] = [
  { name: "second", first: 0, last: 59, names: [] },
  { name: "minute", first: 0, last: 59, names: [] },
  { name: "hour", first: 0, last: 23, names: [] },
  { name: "day of the month", first: 1, last: 31, names: [], special: /^(?:L|LW|(\d+)W)$/i },
  { name: "month", first: 1, last: 12, names: MONTHS },
  {
    name: "day of the week",
    first: 0,
    last: 7,
    names: WEEKDAYS,
    special: /^([A-Z\d]+(?:-[A-Z\d]+)?)(?:#\d+|#?L)$/i,
  },
];
const DAY_OF_MONTH = 3;
const DAY_OF_WEEK = 5;
const NICKNAMES = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
const FIVE_OR_SIX = "five fields, or six with the seconds first, for example: 30 2 * * *";
const AS_MINUTES = "for every five minutes write */5 * * * *";

/** What is wrong with a rule, quoting what the person wrote. */
export class CronFieldError extends Error {
  override name = "CronFieldError";
}

/**
 * The rule in the spelling that croner reads: `5/15` becomes `5-59/15`, and the day of the week gets a `+` if it must match
 * together with the day of the month. As in Vixie's cron and its heirs, both must match when either begins with `*`, as
 * the day of the month does in "0 0 *\/2 * 1".
 * Throws CronFieldError.
 */
export function spellOut(text: string): string {
  if (text.startsWith("@")) return checkNickname(text);
  if (/^(CRON_)?TZ=/i.test(text)) {
    throw new CronFieldError("must not begin with a time zone: give it with --tz or as timeZone");
  }
  const fields = text.split(/\s+/);
  if (fields.length === 7) {
    throw new CronFieldError(
      `has seven fields, but a rule has no field for the year: it needs ${FIVE_OR_SIX}`,
    );
  }
  if (fields.length !== 5 && fields.length !== 6) throw new CronFieldError(`needs ${FIVE_OR_SIX}`);
  const kinds = fields.length === 6 ? FIELDS : FIELDS.slice(1);
  const spelled = fields.map((field, i) => spellField(field, kinds[i] as FieldKind));
  const dayOfMonth = spelled.at(DAY_OF_MONTH - FIELDS.length) ?? "";
  const dayOfWeek = spelled.at(DAY_OF_WEEK - FIELDS.length) ?? "";
  const isGiven = (field: string) => field !== "*" && field !== "?";
  const isStar = dayOfMonth.startsWith("*") || dayOfWeek.startsWith("*");
  const isMarked = dayOfWeek.startsWith("+");
  if (isStar && !isMarked && isGiven(dayOfMonth) && isGiven(dayOfWeek))
    spelled[spelled.length - 1] = `+${dayOfWeek}`;
  return spelled.join(" ");
}

function checkNickname(text: string): string {
  if (NICKNAMES.includes(text.toLowerCase())) return text;
  const [word = ""] = text.split(/\s+/);
  if (word.toLowerCase() === "@every") throw new CronFieldError(`cannot use @every: ${AS_MINUTES}`);
  if (word.toLowerCase() === "@reboot") {
    throw new CronFieldError("cannot use @reboot: a schedule fires at times, not when something starts");
  }
  throw new CronFieldError(`cannot use ${word}; the nicknames are ${NICKNAMES.join(", ")}`);
}

function spellField(field: string, kind: FieldKind): string {
  const isBoth = kind === FIELDS[DAY_OF_WEEK] && field.startsWith("+");
  const items = (isBoth ? field.slice(1) : field).split(",");
  return (isBoth ? "+" : "") + items.map((item) => spellItem(item, kind)).join(",");
}

function spellItem(item: string, kind: FieldKind): string {
  const [range = "", step, ...more] = item.split("/");
  if (more.length > 0 || item === "") throw wrong(item, kind);
  if (step !== undefined) checkStep(item, step, kind);
  if (range === "*" || range === "?") return item;
  const special = kind.special?.exec(range);
  if (special && step === undefined) {
    checkSpecial(range, special, kind);
    return item;
  }
  const ends = range.split("-");
  if (ends.length > 2) throw wrong(item, kind);
  const [from, to] = ends.map((end) => readValue(end, item, kind));
  if (from === undefined) throw wrong(item, kind);
  if (to === undefined) return step === undefined ? item : `${range}-${kind.last}/${step}`;
  // Sunday both begins and ends a week.
  const last = kind === FIELDS[DAY_OF_WEEK] && to === 0 && from > 0 ? 7 : to;
  if (from > last) throw backwards(item, range, [from, to], kind);
  return last === to ? item : item.replace(/-0\b/, "-7");
}

function readValue(text: string, item: string, kind: FieldKind): number {
  const named = kind.names.indexOf(text.toUpperCase());
  if (named >= 0) return kind.first + named;
  if (!/^\d+$/.test(text)) throw wrong(item, kind);
  const value = Number(text);
  if (value < kind.first || value > kind.last) {
    throw new CronFieldError(`has the ${kind.name} ${text}, which must be ${valuesOf(kind)}`);
  }
  return value;
}

function checkStep(item: string, step: string, kind: FieldKind): void {
  const most = kind.last - kind.first + (kind === FIELDS[DAY_OF_WEEK] ? 0 : 1);
  if (/^\d+$/.test(step) && Number(step) >= 1 && Number(step) <= most) return;
  throw new CronFieldError(`has "${item}" for the ${kind.name}; its step must be a number from 1 to ${most}`);
}

/** Checks the numbers in `15W`, `5L` and `FRI#2`. */
function checkSpecial(range: string, [, value]: RegExpExecArray, kind: FieldKind): void {
  for (const end of value?.split("-") ?? []) readValue(end, range, kind);
  const which = /#(\d+)$/.exec(range)?.[1];
  if (which === undefined || (Number(which) >= 1 && Number(which) <= 5)) return;
  throw new CronFieldError(`has "${range}", but a weekday comes at most five times a month: #1 to #5`);
}

function backwards(
  item: string,
  range: string,
  [from, to]: [number, number],
  kind: FieldKind,
): CronFieldError {
  const [first = "", last = ""] = range.split("-");
  const spell = (value: number) =>
    kind.names.length > 0 && !/^\d+$/.test(first) ? nameOf(value, kind) : value;
  const end = kind === FIELDS[DAY_OF_WEEK] ? 6 : kind.last;
  const upper = from === end ? first : `${first}-${spell(end)}`;
  const lower = to === kind.first ? last : `${spell(kind.first)}-${last}`;
  return new CronFieldError(
    `has "${item}" for the ${kind.name}, which goes backwards; write ${upper},${lower}`,
  );
}

function nameOf(value: number, kind: FieldKind): string {
  return kind.names[value - kind.first] ?? String(value);
}

function wrong(item: string, kind: FieldKind): CronFieldError {
  const values = valuesOf(kind);
  return new CronFieldError(
    `has "${item}" for the ${kind.name}, which must be ${values}, a list, a range or a step of these, or *`,
  );
}

function valuesOf({ first, last, names }: FieldKind): string {
  const byName =
    names.length > 0 ? ` or ${names[0]} to ${names[names === WEEKDAYS ? 6 : names.length - 1]}` : "";
  return `${first} to ${last}${byName}`;
}

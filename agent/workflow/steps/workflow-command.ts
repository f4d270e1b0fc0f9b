/** A command that a step wrote to its output: `::name key=value,key=value::data`, or `##[name key=value;key=value]data`. */
export interface WorkflowCommand {
  /** In lower case. */
  name: string;
  /** By name in lower case. */
  properties: ReadonlyMap<string, string>;
  data: string;
}

/** The command in a line; undefined if it has none of a known name. */
export function commandIn(line: string, isKnown: (name: string) => boolean): WorkflowCommand | undefined {
  return readColons(line, isKnown) ?? readBrackets(line, isKnown);
}

function readColons(line: string, isKnown: (name: string) => boolean): WorkflowCommand | undefined {
  if (!line.includes("::")) return undefined;
  const text = line.trimStart();
  const end = text.startsWith("::") ? text.indexOf("::", 2) : -1;
  if (end === -1) return undefined;
  return read(text.slice(2, end), text.slice(end + 2), isKnown, ",", colonEscapes);
}

function readBrackets(line: string, isKnown: (name: string) => boolean): WorkflowCommand | undefined {
  const start = line.indexOf("##[");
  const end = start === -1 ? -1 : line.indexOf("]", start);
  if (end === -1) return undefined;
  return read(line.slice(start + 3, end), line.slice(end + 1), isKnown, ";", bracketEscapes);
}

interface Escapes {
  properties: readonly (readonly [string, string])[];
  data: readonly (readonly [string, string])[];
}

const lineEnds = [
  ["%0D", "\r"],
  ["%0A", "\n"],
] as const;
const percent = ["%25", "%"] as const;
const colonEscapes: Escapes = {
  properties: [...lineEnds, ["%3A", ":"], ["%2C", ","], percent],
  data: [...lineEnds, percent],
};
const bracketEscapes: Escapes = {
  properties: [["%3B", ";"], ...lineEnds, ["%5D", "]"], percent],
  data: [["%3B", ";"], ...lineEnds, ["%5D", "]"], percent],
};

function read(
  head: string,
  data: string,
  isKnown: (name: string) => boolean,
  separator: string,
  escapes: Escapes,
): WorkflowCommand | undefined {
  const space = head.indexOf(" ");
  const name = (space === -1 ? head : head.slice(0, space)).toLowerCase();
  if (!isKnown(name)) return undefined;
  const properties = new Map<string, string>();
  for (const part of space === -1
    ? []
    : head
        .slice(space + 1)
        .trim()
        .split(separator)) {
    const equals = part.indexOf("=");
    const value = part.slice(equals + 1);
    if (equals > 0 && value !== "") {
      properties.set(part.slice(0, equals).toLowerCase(), decode(value, escapes.properties));
    }
  }
  return { name, properties, data: decode(data, escapes.data) };
}

function decode(text: string, escapes: readonly (readonly [string, string])[]): string {
  if (!text.includes("%")) return text;
  return escapes.reduce((shown, [from, to]) => shown.replaceAll(from, to), text);
}

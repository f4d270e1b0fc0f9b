import { plainText } from "./clean-text.ts";
import type { Level } from "./line-store.ts";

/** A line that tells the page something, in the notation of GitHub Actions or Azure Pipelines. */
export type Command =
  | { kind: "group"; title: string }
  | { kind: "endgroup" }
  | { kind: "note"; level: Level; message: string; place?: string }
  /** The command that a step runs. */
  | { kind: "command"; message: string }
  | { kind: "debug"; message: string };

const WORKFLOW = /^::([a-z]+)(?: ([^:]*(?::(?!:)[^:]*)*))?::(.*)$/s;
const MARKED = /^##\[([a-z]+)\](.*)$/s;
const LEVELS: Record<string, Level> = { error: "error", warning: "warning", notice: "notice" };

/** The command in a line that `cleanText` made; undefined for nearly all lines. */
export function commandIn(text: string): Command | undefined {
  // Colours may come before it.
  const first = text.charCodeAt(0);
  if (first !== 0x3a && first !== 0x23 && first !== 0x1b && first !== 0x20) return undefined;
  const plain = plainText(text).trimStart();
  if (plain.startsWith("::")) {
    const [, name = "", properties = "", value = ""] = WORKFLOW.exec(plain) ?? [];
    return command(name, unescaped(value), properties);
  }
  if (!plain.startsWith("##[")) return undefined;
  const [, name = "", value = ""] = MARKED.exec(plain) ?? [];
  return command(name, value, "");
}

function command(name: string, value: string, properties: string): Command | undefined {
  if (name === "group") return { kind: "group", title: value.trim() };
  if (name === "endgroup") return { kind: "endgroup" };
  if (name === "command") return { kind: "command", message: value };
  if (name === "debug") return { kind: "debug", message: value };
  const level = LEVELS[name];
  if (level === undefined) return undefined;
  const of = new Map(properties.split(",").map((one) => one.trim().split(/=(.*)/s, 2) as [string, string]));
  const [title, file, line] = ["title", "file", "line"].map((key) => unescaped(of.get(key) ?? ""));
  const place = file ? (line ? `${file}:${line}` : file) : undefined;
  return { kind: "note", level, message: title ? `${title}: ${value}` : value, ...(place && { place }) };
}

/** Values of workflow commands escape what would end them. */
function unescaped(value: string): string {
  if (!value.includes("%")) return value;
  const of: Record<string, string> = { "%0D": "", "%0A": " ", "%3A": ":", "%2C": ",", "%25": "%" };
  return value.replace(/%(?:0D|0A|3A|2C|25)/gi, (code) => of[code.toUpperCase()] ?? code);
}

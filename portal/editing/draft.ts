import { changeDocument, readDocument } from "./document.ts";

/** What a tab keeps of a job that is not submitted yet. */
export interface Draft {
  text: string;
  /** Names of variables whose values were not kept, because they look like secrets. */
  left: string[];
}

const PREFIX = "tanvrit.draft.";
const VALUES = "tanvrit.values.";
const MAX_CHARS = 500_000;
const SECRET = /(pass(word|wd|phrase)?|secret|token|credential|api_?key|private_?key|access_?key)s?$/i;

/** Whether a variable of this name probably holds a secret. */
export function looksSecret(name: string): boolean {
  return SECRET.test(name);
}

/** The draft that this tab has for a start, such as `?job=…`; undefined if there is none. */
export function loadDraft(start: string): Draft | undefined {
  try {
    const kept = sessionStorage.getItem(PREFIX + start);
    return kept === null ? undefined : (JSON.parse(kept) as Draft);
  } catch {
    return undefined;
  }
}

/** Keeps a draft until the tab is closed. Values of variables that look like secrets are left out. */
export function saveDraft(start: string, text: string): void {
  const draft = withoutSecrets(text);
  try {
    if (draft.text.length > MAX_CHARS) sessionStorage.removeItem(PREFIX + start);
    else sessionStorage.setItem(PREFIX + start, JSON.stringify(draft));
  } catch {
    // The draft lasts as long as the page then.
  }
}

export function forgetDraft(start: string): void {
  try {
    sessionStorage.removeItem(PREFIX + start);
    sessionStorage.removeItem(VALUES + start);
  } catch {
    // Nothing is kept.
  }
}

export function withoutSecrets(text: string): Draft {
  const { fields } = readDocument(text);
  const env = fields?.env;
  // Nobody knows what is where in a text that cannot be read.
  if (fields === undefined) return { text: SECRET_LINE.test(text) ? "" : text, left: [] };
  if (typeof env !== "object" || env === null) return { text, left: [] };
  const left = Object.entries(env).flatMap(([name, value]) =>
    looksSecret(name) && value !== "" ? [name] : [],
  );
  const bare = left.reduce((so, name) => changeDocument(so, ["env", name], null), text);
  return { text: bare, left };
}

const SECRET_LINE =
  /(pass(word|wd|phrase)?|secret|token|credential|api_?key|private_?key|access_?key)s?["']?\s*:\s*\S/i;

/** What was entered for the parameters of a template; values that look like secrets are left out. */
export function saveValues(start: string, values: Readonly<Record<string, string>>): void {
  const kept = Object.fromEntries(Object.entries(values).filter(([name]) => !looksSecret(name)));
  try {
    sessionStorage.setItem(VALUES + start, JSON.stringify(kept));
  } catch {
    // They last as long as the page then.
  }
}

export function loadValues(start: string): Record<string, string> {
  try {
    return JSON.parse(sessionStorage.getItem(VALUES + start) ?? "{}") as Record<string, string>;
  } catch {
    return {};
  }
}

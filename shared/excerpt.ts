const MAX_LENGTH = 60;

/** Untrusted text for a message: in double quotes, with escapes, and cut after `maxLength` characters. */
export function excerpt(text: string, maxLength: number = MAX_LENGTH): string {
  return JSON.stringify(text.length > maxLength ? `${text.slice(0, maxLength)}…` : text);
}

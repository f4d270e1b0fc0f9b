export function isoTime(atMs: number): string;
export function isoTime(atMs: number | undefined): string | undefined;
export function isoTime(atMs: number | undefined): string | undefined {
  return atMs === undefined ? undefined : new Date(atMs).toISOString();
}

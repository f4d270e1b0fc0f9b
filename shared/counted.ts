/** `1 job`, `2 jobs`: for texts that people read. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

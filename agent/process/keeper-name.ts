/** The process name of a keeper, by which the execution that it keeps finds it again. */
export function keeperName(executionId: string): string {
  return `tc-${Bun.hash.wyhash(executionId).toString(36).slice(0, 12)}`;
}

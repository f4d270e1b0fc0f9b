/** How a keeper is called, so that it is found again by the execution it keeps. */
export function keeperName(executionId: string): string {
  return `tc-${Bun.hash.wyhash(executionId).toString(36).slice(0, 12)}`;
}

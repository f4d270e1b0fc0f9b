/**
 * Runs `work` while others work, who end only when `over` fires; it fires when the work has ended. Rejects if the work fails,
 * or if one of the others fails or all of them end before that.
 */
export async function whileWorking<T>(
  others: readonly Promise<void>[],
  over: AbortController,
  work: () => Promise<T>,
): Promise<T> {
  const failing = Promise.all(others).then((): never => {
    throw new Error("the agents and the chaos ended by themselves");
  });
  const result = await Promise.race([work(), failing]).finally(() => over.abort());
  await Promise.all(others);
  return result;
}

/** One key for one job: pressing twice, or again after an answer was lost, submits it once. */
export class OneKey {
  private of = "";
  private key = "";

  for(manifest: unknown): string {
    const text = JSON.stringify(manifest);
    if (this.of !== text) this.key = crypto.randomUUID();
    this.of = text;
    return this.key;
  }
}

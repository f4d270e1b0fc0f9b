/** A sentence as a part of another sentence: it starts in lower case and has no full stop. */
export function asClause(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/[.]$/, "");
}

/** The symbolic links of a tree: path and target. */
export type TreeLinks = Map<string, string>;

/** As many as Linux follows. */
const MAX_LINKS = 40;

/**
 * Whether following this link can end outside the tree. It is followed as the kernel does it, through the other links of
 * the tree, since `a/..` is another place when `a` is a link. A target that does not exist is fine as long as it would be
 * inside.
 */
export function leavesTree(path: string, target: string, links: TreeLinks): boolean {
  let followed = 0;
  const at = path.split("/").slice(0, -1);
  const left = target.split("/").reverse();
  if (target.startsWith("/")) return true;
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (at.pop() === undefined) return true;
      continue;
    }
    const next = links.get([...at, name].join("/"));
    if (next === undefined) {
      at.push(name);
      continue;
    }
    if (next.startsWith("/")) return true;
    // A circle leads nowhere, and so not out of the tree.
    if (++followed > MAX_LINKS) return false;
    left.push(...next.split("/").reverse());
  }
  return false;
}

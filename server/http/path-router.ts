import type { Result, Router } from "hono/router";
import { TrieRouter } from "hono/router/trie-router";
import { RecentMap } from "../runtime/recent-map.ts";

const MAX_REMEMBERED = 1_000;
const HAS_PARAMETERS = /[:*{]/;

/** Finds routes as hono's TrieRouter does, and remembers what it found for paths without parameters, which nearly all calls have. */
export class PathRouter<Handler> implements Router<Handler> {
  readonly name = "PathRouter";
  private readonly trie = new TrieRouter<Handler>();
  private readonly plainPaths = new Set<string>();
  private found = new RecentMap<Result<Handler>>(MAX_REMEMBERED);

  add(method: string, path: string, handler: Handler): void {
    this.trie.add(method, path, handler);
    this.found = new RecentMap(MAX_REMEMBERED);
    if (!HAS_PARAMETERS.test(path)) this.plainPaths.add(path);
  }

  match(method: string, path: string): Result<Handler> {
    if (!this.plainPaths.has(path)) return this.trie.match(method, path);
    return this.found.getOrMake(`${method} ${path}`, () => this.trie.match(method, path));
  }
}

import { fetchInto } from "./checkout-fetch.ts";
import type { Checkout } from "./checkout-request.ts";
import { copyTree } from "./copy-tree.ts";
import type { RepositoryFinder } from "./repository-finder.ts";

/** Checks out another repository: from the action store, or from its server. */
export async function checkOutOther(checkout: Checkout, finder: RepositoryFinder): Promise<void> {
  const { signal, say, repository, ref, directory, serverUrl } = checkout;
  const origin = `${serverUrl}/${repository}`;
  const [owner = "", repo = ""] = repository.split("/");
  const stored = finder.storedRepository(owner, repo, ref);
  if (stored?.is === "files") {
    await copyTree(stored.directory, directory, signal);
    return say(`Copied ${repository} from the action store`);
  }
  const urls = [...(stored ? [`file://${stored.directory}`] : []), ...finder.urlsOf(repository, serverUrl)];
  await fetchInto({ ...checkout, urls, origin });
}

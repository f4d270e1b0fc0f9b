/** The parts of an image reference. */
export interface ImageName {
  /** Such as `docker.io`, `ghcr.io` or `127.0.0.1:5000`. */
  registry: string;
  /** The name to pull, without tag or digest. */
  repository: string;
  /** A tag or digest; without it the engine would pull every tag. */
  tag: string;
  /** Whether it is the id of an image on the node, which no registry knows. */
  isId: boolean;
}

export const DOCKER_HUB = "docker.io";

export function parseImage(reference: string): ImageName {
  if (/^sha256:[0-9a-f]{64}$/.test(reference)) {
    return { registry: DOCKER_HUB, repository: reference, tag: "", isId: true };
  }
  const [name = "", digest] = reference.split("@");
  const lastPart = name.slice(name.lastIndexOf("/") + 1);
  const colon = lastPart.indexOf(":");
  const repository = colon === -1 ? name : name.slice(0, name.length - lastPart.length + colon);
  const tag = digest ?? (colon === -1 ? "latest" : lastPart.slice(colon + 1));
  const { registry } = hostAndPath(repository);
  return { registry, repository, tag, isId: false };
}

/** A repository with its registry: `docker.io/library/python` for `python`. */
export function longName(repository: string): string {
  const { registry, path } = hostAndPath(repository);
  return registry === DOCKER_HUB && !path.includes("/")
    ? `${registry}/library/${path}`
    : `${registry}/${path}`;
}

function hostAndPath(repository: string): { registry: string; path: string } {
  const [first = "", ...rest] = repository.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return isHost
    ? { registry: registryHost(first), path: rest.join("/") }
    : { registry: DOCKER_HUB, path: repository };
}

/** The host of a registry. Docker Hub has several names; a login for one counts for all. */
export function registryHost(server: string): string {
  const host = server.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  return /^(index\.|registry-1\.)?docker\.io$/.test(host) ? DOCKER_HUB : host;
}

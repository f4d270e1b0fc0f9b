import type { ImageName } from "../../../shared/image-name.ts";
import type { Engine } from "../../executors/docker/engine.ts";
import { ensureImage } from "../../executors/docker/pull.ts";
import { type RegistryAuth, registryAuth } from "../../executors/docker/registry-auth.ts";

export interface WantedImage {
  image: string;
  credentials?: { username: string; password: string } | undefined;
  tell(line: string): void;
  signal: AbortSignal;
}

/** Pulls an image unless the engine has it; returns its name. Throws an Error for people. */
export async function havingImage(
  engine: Engine,
  { image, credentials, tell, signal }: WantedImage,
): Promise<string> {
  await ensureImage(engine, {
    reference: image,
    policy: "missing",
    auth: async (name) =>
      credentials ? given(credentials, name) : await registryAuth(name, undefined, {}, process.env),
    tell,
    signal,
  });
  return image;
}

function given(
  { username, password }: { username: string; password: string },
  { registry }: ImageName,
): RegistryAuth {
  const login = JSON.stringify({ username, password, serveraddress: registry });
  return { header: Buffer.from(login).toString("base64url"), of: "the login of the workflow" };
}

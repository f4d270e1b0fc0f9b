import { type PortalFiles, unpackPortal } from "./pack.ts";

let opened: Promise<PortalFiles> | undefined;

/** The name of the pack that the build embeds begins and ends like this. */
const PACK = /^portal.*\.pack$/;

/** The portal's files: from the binary, or built from the sources when they are asked for the first time. */
export function openPortal(): Promise<PortalFiles> {
  opened ??= open();
  opened.catch(() => {
    opened = undefined;
  });
  return opened;
}

async function open(): Promise<PortalFiles> {
  const pack = Bun.embeddedFiles.find((file) => PACK.test((file as File).name));
  if (pack) return unpackPortal(new Uint8Array(await pack.arrayBuffer()));
  const { bundlePortal } = await import("./bundle.ts");
  return bundlePortal();
}

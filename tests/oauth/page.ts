import type { Stores } from "../../server/compose/stores.ts";
import { CodeAuthorizations } from "../../server/oauth/authorizations.ts";
import { Clients } from "../../server/oauth/clients.ts";
import type { Grantee } from "../../server/oauth/contract.ts";
import { WaitingDevices } from "../../server/oauth/waiting-devices.ts";

/** What a person does in a browser, without the browser: lets programs and devices in at a server with these stores. */
export class PlayedPage {
  private readonly authorizations: CodeAuthorizations;
  private readonly devices: WaitingDevices;

  constructor(
    stores: Stores,
    now: () => number,
    private readonly by: Grantee,
  ) {
    const clients = new Clients({ publicUrl: undefined });
    const parts = { grants: stores.grants, clients, issuerOf: (origin: string) => origin, now };
    this.authorizations = new CodeAuthorizations(parts);
    this.devices = new WaitingDevices(parts);
  }

  /** Where the browser is sent after the person allowed what the URL asks for. */
  async allow(url: URL): Promise<URL> {
    return this.authorizations.allow(
      this.authorizations.read(url.searchParams, url.origin),
      this.by,
      url.origin,
    );
  }

  deny(url: URL): URL {
    return this.authorizations.deny(this.authorizations.read(url.searchParams, url.origin), url.origin);
  }

  letIn(userCode: string): Promise<boolean> {
    return this.devices.allow(userCode, this.by);
  }

  refuse(userCode: string): Promise<boolean> {
    return this.devices.deny(userCode);
  }
}

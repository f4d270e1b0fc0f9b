import type { EndpointId } from "../../shared/endpoints/index.ts";
import type { Api, As } from "../support/api.ts";
import type { TestMail } from "../support/mail.ts";

/** What a scenario plays on: a server, and a user of a business that all scenarios share. */
export interface Stage {
  api: Api;
  user: As;
  /** What the server sends by mail. */
  mail: TestMail;
}

/** One for each endpoint: a missing one is a type error. */
export type Scenarios = Record<EndpointId, (stage: Stage) => Promise<void>>;
